"""The three houses in one process, on virtual time, under seeded faults: `make simulate`."""
