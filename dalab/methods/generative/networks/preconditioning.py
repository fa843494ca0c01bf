r"""Conditional means as corrections, in units of what a single variable leaves open.

For a variable of unit variance that is diffused alone, :math:`x_t = A x_0 + B + \Sigma^{1/2} \eta`,

.. math::
    E[x_0 | x_t] = \frac{A}{A^2 + \Sigma} (x_t - B), \qquad
    \mathrm{Var}[x_0 | x_t] = \frac{\Sigma}{A^2 + \Sigma} .

A network adds its output times the square root of that variance, which keeps scores finite where
the noise is small. The published networks estimate the mean itself, or the noise.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from ..conditional import NonlinearPath, Path, Time

NEAR = 0.999
"""Pseudo-time from which on networks are told no later one."""


class Estimator(Protocol):
    """Network, possibly one for every repeat."""

    def __call__(self, x: Tensor, level: Tensor) -> Tensor:
        """Outputs ``(..., heads, lev, y, x)`` of states ``(..., lev, y, x)`` and their levels."""
        ...


def level_of(t: Time) -> Tensor:
    """Noise level that stands for a pseudo-time in a network: tan(pi t / 2)."""
    return torch.tan(torch.as_tensor(t, dtype=torch.float64).clamp(max=NEAR) * (math.pi / 2))


def linear_mean(network: Estimator, x: Tensor, t: Time, path: Path) -> Tensor:
    """E[x_0 | x_t] on a path, ``(..., lev, y, x)``."""
    A, B, Sigma = (v.to(x) for v in (path.A(t), path.B(t), path.Sigma(t)))
    alone = A.square() + Sigma
    correction = network(x, level_of(t)).select(-4, 0)
    return A / alone * (x - B) + (Sigma / alone).sqrt() * correction


def nonlinear_means(
    network: Estimator, x: Tensor, t: Time, path: NonlinearPath
) -> tuple[Tensor, Tensor]:
    """E[x_0 | x_t] and E[H(x_0) | x_t] on a nonlinear path, ``(..., lev, y, x)`` each.

    What x_t says of a variable alone is not known here: the state starts from a x_t.
    """
    a = path.share(t).to(x)
    xhat, hhat = network(x, level_of(t)).unbind(-4)
    return a * x + (1 - a.square()).sqrt() * xhat, hhat
