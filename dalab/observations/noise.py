"""Observation noise: zero mean, a given standard deviation, several shapes."""

from __future__ import annotations

import math

import param
import torch
from torch import Tensor

from ..configurable import Configurable
from ..registry import Registry


class Noise(Configurable):
    """White noise of unit standard deviation; a subclass gives its shape."""

    kind = "noise family"

    def sample(self, size: int, generator: torch.Generator) -> Tensor:
        """Independent draws of mean 0 and variance 1, float32, shape ``(size,)``."""
        raise NotImplementedError


class Gaussian(Noise):
    """Normal noise, what every method assumes."""

    def sample(self, size: int, generator: torch.Generator) -> Tensor:
        return torch.randn(size, generator=generator)


class Laplace(Noise):
    """Double-exponential noise: more outliers than assumed."""

    def sample(self, size: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(size, generator=generator, dtype=torch.float64) - 0.5
        tail = torch.log1p(-2 * u.abs().clamp(max=0.5 - 1e-12))
        return (-torch.sign(u) * tail / math.sqrt(2)).float()


class Uniform(Noise):
    """Flat noise on +-sqrt(3) standard deviations: no outliers at all."""

    def sample(self, size: int, generator: torch.Generator) -> Tensor:
        return math.sqrt(3) * (2 * torch.rand(size, generator=generator) - 1)


class LogNormal(Noise):
    """Skewed noise, a log-normal shifted to mean zero."""

    shape = param.Number(0.5, bounds=(0.01, 2.0), doc="log-standard deviation; 0 is Gaussian")

    def sample(self, size: int, generator: torch.Generator) -> Tensor:
        shift = 1 / math.sqrt(math.expm1(self.shape**2))
        m = math.log(shift) - self.shape**2 / 2
        z = torch.randn(size, generator=generator, dtype=torch.float64)
        return (torch.exp(m + self.shape * z) - shift).float()


NOISES = Registry("noise family", "noises", Noise, {
    "gaussian": Gaussian,
    "laplace": Laplace,
    "uniform": Uniform,
    "lognormal": LogNormal,
})
