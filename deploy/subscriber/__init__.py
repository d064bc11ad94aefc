"""Examples for whoever listens to the facts; nothing of the product is needed to run them."""
