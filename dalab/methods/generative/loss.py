r"""Losses whose minima are the conditional means of a diffused state.

.. math::
    L = E | \hat x(x_t, t) - x_0 |^2 , \qquad
    L = E | \hat x(x_t, t) - x_0 |^2 + E | \hat H(x_t, t) - H(x_0) - \sigma \eta' |^2 ,

plain means over all variables, with t uniform in the range that is sampled. The second one is for
nonlinear paths and their two heads; its target is a measurement with noise of its own, as
published, which has the same conditional mean as H(x_0) itself.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .conditional import NonlinearPath, Path

Network = Callable[[Tensor, Tensor], Tensor]
"""From diffused states ``(batch, lev, y, x)`` and times ``(batch, 1, 1, 1)`` to states."""

Heads = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""The same with two results, states and measurements."""


def times(count: int, first: float, last: float, generator: torch.Generator) -> Tensor:
    """Uniform pseudo-times, ``(count, 1, 1, 1)``, float64."""
    drawn = torch.rand(count, 1, 1, 1, generator=generator, dtype=torch.float64)
    return first + (last - first) * drawn


def linear_loss(
    network: Network, states: Tensor, path: Path, t: Tensor, generator: torch.Generator,
    relative: bool = False,
) -> Tensor:
    """Mean squared error of E[x_0 | x_t] on a batch, a scalar.

    Args:
        network: the conditional mean that is trained.
        states: draws of the prior, ``(batch, lev, y, x)``.
        path: the path on which they are diffused.
        t: pseudo-times, ``(batch, 1, 1, 1)``.
        generator: source of the noise.
        relative: errors in units of what x_t leaves open of a variable of unit variance, as where
            networks learn the noise, and not in those of the states.
    """
    A, B, Sigma = (v.to(states) for v in (path.A(t), path.B(t), path.Sigma(t)))
    x = A * states + B + Sigma.sqrt() * _normal(states, generator)
    errors = (network(x, t) - states).square()
    return (errors * (A.square() + Sigma) / Sigma if relative else errors).mean()


def nonlinear_loss(
    network: Heads, states: Tensor, path: NonlinearPath, sigma: Tensor, t: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Mean squared errors of E[x_0 | x_t] and E[H(x_0) | x_t] on a batch, a scalar.

    Args:
        network: the two conditional means that are trained.
        states: draws of the prior, ``(batch, lev, y, x)``.
        path: the path on which they are diffused.
        sigma: standard deviation of the noise of a measurement, ``(lev, y, x)``.
        t: pseudo-times, ``(batch, 1, 1, 1)``.
        generator: source of the noise.
    """
    a, measured = path.share(t).to(states), path.measure(states)
    noise = path.Sigma(t).to(states).sqrt() * _normal(states, generator)
    xhat, hhat = network(a * states + (1 - a) * measured + noise, t)
    simulated = measured + sigma.to(states) * _normal(states, generator)
    return (xhat - states).square().mean() + (hhat - simulated).square().mean()


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)
