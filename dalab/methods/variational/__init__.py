"""Optimal interpolation, 3D-Var and 4D-Var."""
