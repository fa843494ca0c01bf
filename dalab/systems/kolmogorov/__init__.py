"""Kolmogorov flow: the system, its solver and its initial fields."""

from .system import Kolmogorov, kolmogorov

__all__ = ["Kolmogorov", "kolmogorov"]
