"""What a house may be told or asked from outside, in the words of the contract."""
