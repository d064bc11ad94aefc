"""Copies of a whole deployment: taken while it runs, and put back."""
