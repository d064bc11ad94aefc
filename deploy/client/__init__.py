"""An example of how the marketplace calls the gateway. It uses nothing of the product."""
