"""The one engine: who is admitted, who leads, what an outcome changes, and what happened."""
