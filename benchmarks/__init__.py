"""cbauth beside its peers: what a call costs, as ratios measured in one run. See README.md for the method."""
