"""The three houses. They never import each other."""
