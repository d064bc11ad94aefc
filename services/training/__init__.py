"""Who learned what, and who pays for it."""
