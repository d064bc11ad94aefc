"""What people ask of this house: one function, one transaction."""
