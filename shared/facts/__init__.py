"""What the houses tell each other and their subscribers: public, versioned, for ever."""
