r"""Densities of one variable, estimated from the members of an ensemble.

.. math:: \hat p(x) = \frac{1}{N h} \sum_i \varphi\!\left(\frac{x - x_i}{h}\right) , \qquad
    h = 0.9 \, \min(s, q / 1.34) \, N^{-1/5} ,

with the standard deviation s and the interquartile range q of the members.

References:
    | Silverman, Density estimation for statistics and data analysis (1986), equation 3.31
"""

from __future__ import annotations

import numpy as np

NARROWEST = 1e-3
"""Least bandwidth, in the unit of the members."""


def bandwidth(members: np.ndarray) -> float:
    """Bandwidth h of members ``(N,)``, at least ``NARROWEST``."""
    if len(members) < 2:
        return NARROWEST
    low, high = np.quantile(members, (0.25, 0.75))
    deviation = float(members.std(ddof=1))
    width = min(deviation, float(high - low) / 1.34) or deviation
    return max(0.9 * width * len(members) ** -0.2, NARROWEST)


def kernel_density(members: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Kernel estimate of the density at the points of a grid, ``(G,)``.

    Args:
        members: values ``(N,)`` in units of about their climatological deviation.
        grid: ``(G,)``.
    """
    h = bandwidth(members)
    apart = (grid[:, None] - members) / h
    return np.exp(-0.5 * apart**2).mean(1) / (h * np.sqrt(2 * np.pi))


def adapted_grid(members: np.ndarray, limit: float = 8.0, points: int = 129) -> np.ndarray:
    """Points that resolve the climate and, finer, the members, in order.

    Args:
        members: values ``(N,)`` in units of the climatological deviation.
        limit: the coarse points lie from ``-limit`` to ``limit``.
        points: number of the coarse points, and of the fine ones.
    """
    middle, spread = float(members.mean()), max(float(members.std()), NARROWEST)
    fine = middle + spread * np.linspace(-5, 5, points)
    return np.union1d(np.linspace(-limit, limit, points), fine)
