"""The outside things that the gateway uses, one file each."""
