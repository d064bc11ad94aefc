"""The event log of a house: everything that touches the event sourcing library's persistence."""
