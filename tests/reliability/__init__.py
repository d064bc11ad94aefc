"""The product under kills, outages and mistakes."""
