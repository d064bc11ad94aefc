"""The treaty: what the three houses share. It contains no business rules."""
