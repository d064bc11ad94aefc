"""How the product is run."""
