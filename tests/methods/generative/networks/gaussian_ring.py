"""A Gaussian ring, a quarter of whose sites are observed: its conditional means are known."""

from __future__ import annotations

import torch
from torch import Tensor

from dalab.methods.generative.masf.bridge import Bridge
from dalab.random import stream

SITES = 16
SHAPE = (1, 1, SITES)
NOISE = 0.1

_apart = (torch.arange(SITES)[:, None] - torch.arange(SITES)).abs()
COVARIANCE = torch.exp(-torch.minimum(_apart, SITES - _apart).double() / 4)

h = torch.zeros(SHAPE)
h[..., ::4] = 1
BRIDGE = Bridge(h, torch.zeros_like(h), torch.full_like(h, NOISE))


def draws(count: int, *labels: object) -> Tensor:
    """Draws of the ring, ``(count, 1, 1, SITES)``, float64."""
    normal = torch.randn(count, SITES, generator=stream(0, *labels), dtype=torch.float64)
    return (normal @ torch.linalg.cholesky(COVARIANCE).mT).view(count, *SHAPE)


def exact_mean(x: Tensor, t: float) -> Tensor:
    """E[x_0 | x_t] of diffused draws, same shape."""
    A, Sigma = BRIDGE.A(t).diag_embed().view(SITES, SITES), BRIDGE.Sigma(t).flatten().diag()
    gain = COVARIANCE @ A @ torch.linalg.inv(A @ COVARIANCE @ A + Sigma)
    return (x.flatten(-3) @ gain.mT).view_as(x)


def diffused(x: Tensor, t: float) -> Tensor:
    """Diffused draws at a pseudo-time, same shape."""
    noise = torch.randn(x.shape, generator=stream(1, t), dtype=x.dtype)
    return BRIDGE.A(t) * x + BRIDGE.Sigma(t).sqrt() * noise
