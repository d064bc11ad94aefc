"""The door: checks what comes in, hands it to a use case, and answers."""
