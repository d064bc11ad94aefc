"""Backups of a whole deployment: taken while it runs, and restored."""
