r"""FitzHugh-Nagumo: a ring of neurons that fire together or not, by noise.

.. math::
    \epsilon \, du_i &= \left[ D (u_{i+1} + u_{i-1} - 2 u_i) + u_i - u_i^3 / 3 - v_i \right] dt
        + \sqrt\epsilon \, \delta_1 dW_i \\
    dv_i &= (u_i + a) dt + \delta_2 dW'_i

The recovery v of every cell is Gaussian given the path of its membrane potential u, with the
variance delta_1 delta_2 sqrt(epsilon) after a while.

Reference: Chen and Majumdar (Entropy 20, 2018), where the system is an example
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

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


@dataclass(frozen=True, kw_only=True)
class FitzHughNagumo(ConditionalGaussian):
    """Two fields on a ring of n cells: u, resolved, and v, hidden.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "fitzhugh-nagumo"
    n: int = whole(40, 3, 10_000, "cells on the ring")
    epsilon: float = positive(0.01, 1.0, "ratio of the times of u and v")
    diffusion: float = real(0.5, 0.0, 100.0, "D, coupling of neighbours")
    a: float = real(1.05, -10.0, 10.0, "a; a cell alone is at rest where it is above 1")
    noise_u: float = positive(0.2, 100.0, "delta_1, amplitude of the noise of u")
    noise_v: float = positive(0.4, 100.0, "delta_2, amplitude of the noise of v")
    dt: float = time_step(5e-4, most=0.01)
    interval: float = time_between(0.05)
    resolved = 1
    by_cell = True
    spinup_time: ClassVar[float] = 4.0
    climate = Climate((-1.05, 0.0), (1.23, 0.506), (1.74, 0.82))

    @property
    def shape(self) -> tuple[int, int, int]:
        return (2, 1, self.n)

    @property
    def variables(self) -> tuple[str, ...]:
        return ("u", "v")

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        diffused = self.diffusion * (u.roll(-1, -2) + u.roll(1, -2) - 2 * u)
        noise_u = self.noise_u / math.sqrt(self.epsilon)
        return euler_maruyama(
            self.dt, (diffused + u - u**3 / 3) / self.epsilon,
            constant(u, ((-1 / self.epsilon,),)), u + self.a, constant(u, ((0.0,),)),
            *independent_noise(u, (noise_u,), (self.noise_v,)),
        )


@Setting
def fitzhugh_nagumo() -> FitzHughNagumo:
    """A ring of 40 FitzHugh-Nagumo neurons seen every 0.05."""
    return FitzHughNagumo()
