"""How training's neighbours ask it."""
