r"""Noisy Lorenz-84: a westerly jet x, and a wave (y, z) that it carries and that feeds on it.

.. math::
    dx &= (-y^2 - z^2 - a x + a f) dt + \sigma_x dW_x \\
    dy &= (-b x z + x y - y + g) dt + \sigma_y dW_y \\
    dz &= (b x y + x z - z) dt + \sigma_z dW_z

The wave is resolved; the jet is Gaussian given its path. The terms of second order conserve the
energy.

References:
    | Lorenz, Irregularity: a fundamental property of the atmosphere (Tellus 36A, 1984)
    | Chen and Majumdar (Entropy 20, 2018), where the noisy system is an example
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...option_fields import positive, real
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
class NoisyLorenz84(ConditionalGaussian):
    """Three fields on a grid of one cell: y and z, resolved, and x, hidden.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "lorenz84-noisy"
    a: float = positive(0.25, 100.0, "a, damping of the jet")
    b: float = real(4.0, -100.0, 100.0, "b, advection of the wave by the jet")
    f: float = real(8.0, -100.0, 100.0, "f, force on the jet")
    g: float = real(1.0, -100.0, 100.0, "g, force on the wave")
    noise_x: float = positive(1.0, 100.0, "sigma_x, amplitude of the noise of the jet")
    noise_wave: float = positive(0.05, 100.0, "amplitude of the noise of y and of z")
    dt: float = time_step(0.0025)
    interval: float = time_between(0.2)
    resolved = 2
    climate = Climate((0.19, 0.15, 0.74), (0.94, 0.94, 1.07), (1.66, 1.68, 2.45))

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, 1, 1)

    @property
    def variables(self) -> tuple[str, ...]:
        return ("y", "z", "x")

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        by_jet = u @ constant(u, ((1.0, self.b), (-self.b, 1.0)))  # y - b z and b y + z
        wave = u.square().sum(-1, keepdim=True)
        return euler_maruyama(
            self.dt, constant(u, (self.g, 0.0)) - u, by_jet.unsqueeze(-1),
            self.a * self.f - wave, constant(u, ((-self.a,),)),
            *independent_noise(u, (self.noise_wave, self.noise_wave), (self.noise_x,)),
        )


@Setting
def lorenz84_noisy() -> NoisyLorenz84:
    """Noisy Lorenz-84 seen every 0.2."""
    return NoisyLorenz84()
