"""Aggregates and value objects: days, money and words. No clock, no I/O, no framework."""
