"""The door: what comes in is checked and handed to a use case, what goes out is answered."""
