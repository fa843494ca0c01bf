"""Omega: mixtures over the resolved variables of a system, moved by annealed Langevin dynamics."""
