"""What tests share: providers on the loopback interface, and the real clients that talk to them."""
