r"""Two-layer Lorenz-96: large waves on a ring, each with small ones that are Gaussian given it.

.. math::
    du_i &= \Big[ u_{i-1} (u_{i+1} - u_{i-2}) - \bar d_i u_i + \sum_j \gamma_i u_i v_{ij}
        + F \Big] dt + \sigma_u dW_i \\
    dv_{ij} &= \left[ -d_j v_{ij} - \gamma_i u_i^2 \right] dt + \sigma_j dW_{ij}

Damping and coupling vary around the ring, 1 + 0.7 cos(2 pi i / n) and 0.1 + 0.25 cos(2 pi i / n),
so that some sites are calm and others bursting. Small waves act on their own site alone. The terms
of second order conserve the energy.

Reference: Chen and Majumdar (Entropy 20, 2018); there the cosine has other periods
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ...option_fields import positive, real, whole
from ..parametric import Setting
from ..time_stepped import time_between, time_step
from .base import (
    Climate,
    Coefficients,
    ConditionalGaussian,
    Gaussian,
    constant,
    euler_maruyama,
    independent_noise,
)

DAMPING = (0.2, 0.5, 1.0, 2.0, 5.0)
NOISE = (0.5, 0.2, 0.1, 0.1, 0.1)


@dataclass(frozen=True, kw_only=True)
class TwoLayerLorenz96(ConditionalGaussian):
    """Six fields on a ring of n cells: u, resolved, and the five small waves v1 to v5, hidden.

    Means and standard deviations of a field are over all sites, which differ.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "lorenz96-two-layer"
    n: int = whole(40, 4, 10_000, "sites on the ring")
    forcing: float = real(8.0, -100.0, 100.0, "F")
    noise: float = positive(1.0, 100.0, "sigma_u, amplitude of the noise of the large waves")
    dt: float = time_step(0.005, most=0.02)
    interval: float = time_between(0.1)
    resolved = 1
    by_cell = True
    climate = Climate(
        (1.96, -1.27, -0.51, -0.256, -0.128, -0.051), (2.10, 5.13, 2.07, 1.06, 0.558, 0.2485),
        (5.65, 7.1, 2.96, 1.59, 0.90, 0.432),
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        return (6, 1, self.n)

    @property
    def variables(self) -> tuple[str, ...]:
        return ("u", *(f"v{j}" for j in range(1, 6)))

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        site = _site(self.n, u.dtype, u.device)
        coupling, five = (0.1 + 0.25 * site) * u, u.new_ones(5)
        ahead, back = u.roll(-1, -2), u.roll(1, -2)
        A0 = back * (ahead - u.roll(2, -2)) - (1 + 0.7 * site) * u + self.forcing
        return euler_maruyama(
            self.dt, A0, (coupling * five).unsqueeze(-2), -coupling * u * five,
            -constant(u, DAMPING).diag(), *independent_noise(u, (self.noise,), NOISE),
        )


@lru_cache(maxsize=16)
def _site(n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """cos(2 pi i / n) of every site, ``(n, 1)``."""
    angles = 2 * math.pi / n * torch.arange(n, dtype=torch.float64)
    return angles.cos().unsqueeze(-1).to(device, dtype)


@Setting
def lorenz96_two_layer() -> TwoLayerLorenz96:
    """Two-layer Lorenz-96 of 40 large and 200 small waves seen every 0.1."""
    return TwoLayerLorenz96()
