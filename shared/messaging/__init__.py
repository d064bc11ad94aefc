"""How houses tell, hear, remember what they heard, and set poison aside."""
