"""What follows from a neighbour's fact, one module a speaker."""
