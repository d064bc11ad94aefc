"""The outside things that billing uses, one file each."""
