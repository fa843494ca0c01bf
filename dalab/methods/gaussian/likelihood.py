"""Gaussian likelihood of the observations of one time."""

from __future__ import annotations

import torch
from torch import Tensor

from ...observations import ObservingNetwork


def likelihood_gradient(x: Tensor, network: ObservingNetwork, data: Tensor) -> Tensor:
    """Gradient J^T R^{-1} (y - h(x)) of the log likelihood, ``(..., N, lev, y, x)``."""
    with torch.enable_grad():
        windows = x.detach().unsqueeze(-4).requires_grad_()
        seen = network.apply(windows)
    misfit = (data.unsqueeze(-2) - seen.detach()).div_(network.variance(like=data))
    found, = torch.autograd.grad(seen, windows, misfit, materialize_grads=True)
    return found.squeeze(-4)
