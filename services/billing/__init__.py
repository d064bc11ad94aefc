"""What is owed, and how it is collected and paid out."""
