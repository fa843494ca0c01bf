"""Grids of experiments and the published numbers beside them."""
