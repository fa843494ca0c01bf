"""Gaussian likelihood of the observations of one time."""

from __future__ import annotations

from torch import Tensor

from ...observations import ObservingNetwork


def likelihood_gradient(x: Tensor, network: ObservingNetwork, data: Tensor) -> Tensor:
    """Gradient J^T R^{-1} (y - h(x)) of the log likelihood, ``(..., N, lev, y, x)``."""
    windows = x.unsqueeze(-4)
    misfit = (data.unsqueeze(-2) - network.apply(windows)) / network.variance(like=data)
    return network.vjp(windows, misfit).squeeze(-4)
