r"""Noisy Lorenz-63, in which y and z are Gaussian given the path of x.

.. math::
    dx = \sigma (y - x) dt + b \, dW_x , \quad dy = (x (\rho - z) - y) dt + b \, dW_y , \quad
    dz = (x y - \beta z) dt + b \, dW_z

Reference: Chen and Majumdar (Entropy 20, 2018), where the system is an example
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...option_fields import positive
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


@dataclass(frozen=True, kw_only=True)
class NoisyLorenz63(ConditionalGaussian):
    """Three fields on a grid of one cell: x, resolved, and y and z, hidden.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "lorenz63-noisy"
    sigma: float = positive(10.0, 1000.0, "Prandtl number")
    rho: float = positive(28.0, 1000.0, "Rayleigh number relative to its critical value")
    beta: float = positive(8 / 3, 100.0, "geometric factor")
    noise: float = positive(5.0, 100.0, "b, amplitude of the noise of every variable")
    dt: float = time_step(0.005)
    interval: float = time_between(0.2)
    resolved = 1
    climate = Climate((0.0, 0.0, 24.8), (8.24, 9.25, 8.16), (13.1, 15.2, 38.5))

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, 1, 1)

    @property
    def variables(self) -> tuple[str, ...]:
        return ("x", "y", "z")

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        damping = constant(u, ((-1.0, 0.0), (0.0, -self.beta)))
        rotation = constant(u, ((0.0, -1.0), (1.0, 0.0)))
        return euler_maruyama(
            self.dt, -self.sigma * u, constant(u, ((self.sigma, 0.0),)),
            constant(u, (self.rho, 0.0)) * u, damping + rotation * u.unsqueeze(-1),
            *independent_noise(u, (self.noise,), (self.noise, self.noise)),
        )


@Setting
def lorenz63_noisy() -> NoisyLorenz63:
    """Noisy Lorenz-63 seen every 0.2."""
    return NoisyLorenz63()
