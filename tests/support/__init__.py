"""What several tests need: an independent model of the bills and a maker of hard seasons."""
