"""Exact conditional laws of conditional Gaussian systems: filter, smoother, draws, likelihood."""
