"""Billing's adapters to the outside world, one file each."""
