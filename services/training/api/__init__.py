"""How training is asked by its neighbours."""
