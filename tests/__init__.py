"""The tests of the billing project."""
