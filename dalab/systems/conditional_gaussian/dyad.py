r"""Dyads with intermittency: two variables, one of which drives or damps the other.

Extreme events by antidamping: x grows while y is above d_x / gamma, and pulls y down in turn,

.. math::
    dx = (-d_x x + \gamma x y + f_x) dt + \sigma_x dW_x , \qquad
    dy = (-d_y y - \gamma x^2 + f_y) dt + \sigma_y dW_y ;

the quadratic terms conserve the energy.

Reference: Andreou, Chen and Bollt, Assimilative causal inference (arXiv 2505.14825): the parameters
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...option_fields import positive, real
from ..parametric import Setting
from ..time_stepped import time_between, time_step
from .base import (
    Coefficients,
    ConditionalGaussian,
    Gaussian,
    constant,
    euler_maruyama,
    independent_noise,
)

MEAN = (0.54, -0.25)
STD = (0.53, 0.81)


@dataclass(frozen=True, kw_only=True)
class Dyad(ConditionalGaussian):
    """Two fields on a grid of one cell: x, resolved, and y, hidden.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "dyad"
    damping_x: float = positive(0.5, 100.0, "d_x, damping of x")
    damping_y: float = positive(0.5, 100.0, "d_y, damping of y")
    gamma: float = real(2.0, -100.0, 100.0, "gamma, strength of the interaction")
    forcing_x: float = real(0.5, -100.0, 100.0, "f_x, force on x")
    forcing_y: float = real(1.0, -100.0, 100.0, "f_y, force on y")
    noise_x: float = positive(0.5, 100.0, "sigma_x, amplitude of the noise of x")
    noise_y: float = positive(1.0, 100.0, "sigma_y, amplitude of the noise of y")
    dt: float = time_step(0.005)
    interval: float = time_between(0.25)
    resolved = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        return (2, 1, 1)

    @property
    def offset(self) -> Tensor:
        return torch.tensor(MEAN, dtype=torch.float64)[:, None, None]

    @property
    def scale(self) -> Tensor:
        return torch.tensor(STD, dtype=torch.float64)[:, None, None]

    @property
    def variables(self) -> tuple[str, ...]:
        return ("x", "y")

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        return euler_maruyama(
            self.dt, self.forcing_x - self.damping_x * u, self.gamma * u.unsqueeze(-1),
            self.forcing_y - self.gamma * u**2, constant(u, ((-self.damping_y,),)),
            *independent_noise(u, (self.noise_x,), (self.noise_y,)),
        )


@Setting
def dyad() -> Dyad:
    """The antidamping dyad seen every 0.25; mean and standard deviation are of a long run."""
    return Dyad()
