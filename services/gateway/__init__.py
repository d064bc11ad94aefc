"""The front door: what the marketplace tells, and the only API it calls."""
