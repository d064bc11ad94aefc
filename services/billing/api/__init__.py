"""How billing is asked."""
