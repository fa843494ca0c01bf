"""Gaussian updates and linear solvers, shared by all families of methods."""
