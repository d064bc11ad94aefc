"""What follows from a neighbour's facts, one module per speaker."""
