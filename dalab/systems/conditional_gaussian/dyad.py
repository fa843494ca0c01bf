r"""Dyads with intermittency: two variables, one of which drives or damps the other.

Extreme events by antidamping: x grows while y is above d_x / gamma, and pulls y down in turn,

.. math::
    dx = (-d_x x + \gamma x y + f_x) dt + \sigma_x dW_x , \qquad
    dy = (-d_y y - \gamma x^2 + f_y) dt + \sigma_y dW_y ;

the quadratic terms conserve the energy.

Extreme events by stochastic damping: the damping gamma of u is a process of its own, and now and
then is negative (a model of the SPEKF type),

.. math::
    du = (-\gamma u + F) dt + \sigma_u dW_u , \qquad
    d\gamma = -d (\gamma - \hat\gamma) dt + \sigma_\gamma dW_\gamma .

Moments of u of order n are finite if the mean damping is above n sigma_gamma^2 / (2 d^2).

References:
    | Andreou, Chen and Bollt, Assimilative causal inference (arXiv 2505.14825): the parameters of
      the first; those of the second are ours
    | Gershgorin, Harlim and Majumdar, Test models for improving filtering with model errors through
      stochastic parameter estimation (J. Comput. Phys. 229, 2010): SPEKF
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
    climate = Climate((0.54, -0.25), (0.53, 0.81), (1.44, 1.10))

    @property
    def shape(self) -> tuple[int, int, int]:
        return (2, 1, 1)

    @property
    def variables(self) -> tuple[str, ...]:
        return ("x", "y")

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        return euler_maruyama(
            self.dt, self.forcing_x - self.damping_x * u, self.gamma * u.unsqueeze(-1),
            self.forcing_y - self.gamma * u**2, constant(u, ((-self.damping_y,),)),
            *independent_noise(u, (self.noise_x,), (self.noise_y,)),
        )


@dataclass(frozen=True, kw_only=True)
class StochasticDamping(ConditionalGaussian):
    """Two fields on a grid of one cell: u, resolved, and its damping gamma, hidden.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "spekf"
    forcing: float = real(1.0, -100.0, 100.0, "F, force on u")
    mean_damping: float = real(2.2, -100.0, 100.0, "mean of the damping gamma")
    relaxation: float = positive(1.0, 100.0, "d, rate at which gamma returns to its mean")
    noise_u: float = positive(0.5, 100.0, "sigma_u, amplitude of the noise of u")
    noise_gamma: float = positive(1.0, 100.0, "sigma_gamma, amplitude of the noise of gamma")
    dt: float = time_step(0.005)
    interval: float = time_between(0.25)
    resolved = 1
    climate = Climate((0.493, 2.2), (0.298, 0.7071), (1.01, 3.363))

    @property
    def shape(self) -> tuple[int, int, int]:
        return (2, 1, 1)

    @property
    def variables(self) -> tuple[str, ...]:
        return ("u", "gamma")

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        return euler_maruyama(
            self.dt, constant(u, (self.forcing,)), -u.unsqueeze(-1),
            constant(u, (self.relaxation * self.mean_damping,)),
            constant(u, ((-self.relaxation,),)),
            *independent_noise(u, (self.noise_u,), (self.noise_gamma,)),
        )


@Setting
def dyad() -> Dyad:
    """The antidamping dyad seen every 0.25; mean and standard deviation are of a long run."""
    return Dyad()


@Setting
def spekf() -> StochasticDamping:
    """The dyad with stochastic damping seen every 0.25."""
    return StochasticDamping()
