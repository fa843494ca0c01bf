r"""Noise levels and ancestral step, shared by all diffusion methods.

In the variance-exploding form, with posterior mean xhat at noise level s, the ancestral step to a
lower level s' is

.. math::
    x' = \hat x + \sqrt{s'^2 - s_d^2} \, (x - \hat x) / s + s_d e, \qquad
    s_d^2 = \eta^2 s'^2 (s^2 - s'^2) / s^2 ;

eta = 0 is the deterministic sampler, eta = 1 the ancestral one.
"""

from __future__ import annotations

import math

import param
import torch
from torch import Tensor

from ..base import Method


class Diffusion(Method):
    """Method that samples by denoising from a high to a low noise level."""

    family = "Diffusion"

    steps = param.Integer(48, bounds=(2, 1000), doc="noise levels from first to last")
    eta = param.Number(1.0, bounds=(0.0, 1.0), doc="noise renewed per step; 0 is deterministic")
    sigma_max = param.Number(20.0, bounds=(1.0, 1000.0), doc="first noise level")
    sigma_min = param.Number(0.02, bounds=(1e-4, 0.5), doc="last noise level")

    @property
    def effort(self) -> float:
        return self.steps

    @property
    def levels(self) -> list[float]:
        """Noise levels, decreasing."""
        return noise_levels(self.steps, self.sigma_max, self.sigma_min)


def noise_levels(steps: int, high: float, low: float, rho: float = 7.0) -> list[float]:
    """Noise levels from ``high`` down to ``low``, ``steps`` of them, dense at the low end."""
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    return ((1 - ramp) * high ** (1 / rho) + ramp * low ** (1 / rho)).pow(rho).tolist()


def ancestral_step(
    x: Tensor, xhat: Tensor, s: float, lower: float, noise: Tensor | float, eta: float
) -> Tensor:
    """Step from level ``s`` to ``lower``, given the posterior mean ``xhat``; shapes of ``x``."""
    fresh = eta * lower * math.sqrt(max(s**2 - lower**2, 0.0)) / s
    kept = math.sqrt(max(lower**2 - fresh**2, 0.0))
    return xhat + kept / s * (x - xhat) + fresh * noise
