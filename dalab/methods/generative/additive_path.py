r"""Paths that add white noise to a state, x_t = x_0 + s_t zeta. All results are float64 numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .conditional import Time

BASE = 25.0
"""Growth of the exploding noise over the whole pseudo-time."""


class AdditivePath:
    """Path x_t = x_0 + s_t zeta. A subclass writes :meth:`Sigma`."""

    def A(self, t: Time) -> Tensor:
        """Factor of the state in the mean, one."""
        return torch.tensor(1.0, dtype=torch.float64)

    def B(self, t: Time) -> Tensor:
        """Offset of the mean, zero."""
        return torch.tensor(0.0, dtype=torch.float64)

    def Sigma(self, t: Time) -> Tensor:
        """Variance of the noise."""
        raise NotImplementedError


class ExplodingPath(AdditivePath):
    r"""Variance-exploding diffusion, :math:`s_t^2 = (25^{2t} - 1) / (2 \ln 25)`."""

    def Sigma(self, t: Time) -> Tensor:
        rate = 2 * math.log(BASE)
        return torch.expm1(rate * torch.as_tensor(t, dtype=torch.float64)) / rate

    def diffusion(self, t: float) -> float:
        """Squared diffusion coefficient."""
        return BASE ** (2 * t)


class BlurPath(AdditivePath):
    """A single noise level, at all pseudo-times.

    Args:
        std: standard deviation of the noise.
    """

    def __init__(self, std: float) -> None:
        self.std = std

    def Sigma(self, t: Time) -> Tensor:
        return torch.tensor(self.std**2, dtype=torch.float64)
