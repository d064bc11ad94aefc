"""Examples of listeners to the facts; they need nothing of the product."""
