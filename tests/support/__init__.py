"""Shared by many tests: an independent model of the bills and a generator of hard seasons."""
