"""Exact inference for linear Gaussian systems."""
