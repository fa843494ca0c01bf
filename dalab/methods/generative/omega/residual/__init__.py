"""Residual scores of Omega: network, training from twin trajectories, files."""
