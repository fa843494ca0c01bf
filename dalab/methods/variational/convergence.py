"""Convergence of minimisations that end after a number of iterations."""

from __future__ import annotations

ACCEPTED = 0.01
"""Relative residual or gradient up to which an analysis counts as converged."""


def not_converged(measure: str, value: float, iterations: int) -> str:
    """Reason not to trust an analysis; empty if it has converged.

    Args:
        measure: word for the value.
        value: at the end, relative to that at the start.
        iterations: iterations that led there.
    """
    if value <= ACCEPTED:
        return ""
    return f"not converged: {measure} {value:.2g} after {iterations} iterations"
