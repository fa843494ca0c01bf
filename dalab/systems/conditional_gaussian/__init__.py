"""Conditional Gaussian systems: hidden variables that are Gaussian given the path of the others."""
