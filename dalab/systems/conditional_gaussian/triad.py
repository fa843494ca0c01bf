r"""Triad with extreme events: three waves that exchange energy, one of them unstable.

.. math::
    dx &= (\beta_x x + \alpha x y + \alpha y z) dt + \sigma_x dW_x \\
    dy &= (\beta_y y - \alpha x^2 + 2 \alpha x z) dt + \sigma_y dW_y \\
    dz &= (\beta_z z - 3 \alpha x y) dt + \sigma_z dW_z

The terms of second order conserve the energy (a physics-constrained nonlinear model). Given the
path of x and y, z is Gaussian; given that of x alone, (y, z) is not.

References:
    | Chen and Majumdar (Entropy 20, 2018)
    | Chen, Chen and Wu, CGNSDE (arXiv 2404.06749): the parameters, with noises of y and z of 1
    | Chen, Chen, Zhang and Wu, CGKN (arXiv 2410.20072): noises of 0.5; the projected stochastic
      Burgers-Sivashinsky equation
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import param
import torch
from torch import Tensor

from ...errors import InputError
from ...option_fields import option, option_fields, positive, real
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
class Triad(ConditionalGaussian):
    """Three fields on a grid of one cell: x and y, resolved, and z, hidden.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "triad"
    alpha: float = real(5.0, -100.0, 100.0, "alpha, strength of the exchange")
    growth_x: float = real(0.2, -100.0, 100.0, "beta_x, growth rate of x")
    growth_y: float = real(-0.3, -100.0, 100.0, "beta_y, growth rate of y")
    growth_z: float = real(-0.5, -100.0, 100.0, "beta_z, growth rate of z")
    noise_x: float = positive(0.3, 100.0, "sigma_x, amplitude of the noise of x")
    noise_y: float = positive(0.5, 100.0, "sigma_y, amplitude of the noise of y")
    noise_z: float = positive(0.5, 100.0, "sigma_z, amplitude of the noise of z")
    dt: float = time_step(0.001)
    interval: float = time_between(0.25)
    resolved = 2
    spinup_time: ClassVar[float] = 6.0
    climate = Climate((0.0, -0.73, 0.0), (0.445, 0.61, 0.424), (0.48, 0.233, 0.575))

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, 1, 1)

    @property
    def variables(self) -> tuple[str, ...]:
        return ("x", "y", "z")

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        x, y = u[..., :1], u[..., 1:]
        A0 = torch.cat([(self.growth_x + self.alpha * y) * x,
                        self.growth_y * y - self.alpha * x**2], -1)  # fmt: skip
        A1 = self.alpha * torch.cat([y, 2 * x], -1)
        return euler_maruyama(
            self.dt, A0, A1.unsqueeze(-1), -3 * self.alpha * x * y,
            constant(u, ((self.growth_z,),)),
            *independent_noise(u, (self.noise_x, self.noise_y), (self.noise_z,)),
        )


@dataclass(frozen=True, kw_only=True)
class ClosedTriad(Triad):
    """The triad of which x alone is resolved; conditional laws are those of an approximate model.

    Truth and forecasts are those of :class:`Triad`. In the law of a time step, one factor of y z,
    which is not linear in the hidden variables, gives way to a closure:

    - ``bare``: y z is left out,
    - ``climatological``: y z is linearised about the climatological means,
    - ``path``: y z is linearised about the means given the path of x, and their covariance added,
      so that its mean is exact,
    - ``path-means``: as before without the covariance.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "triad-closed"
    closure: str = option(param.Selector(
        default="path", objects=["bare", "climatological", "path", "path-means"],
        doc="replacement of the product of the hidden y and z",
    ))
    resolved = 1

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        """Law of a time step of the approximate model.

        Args:
            u: x, ``(..., blocks, 1)``.
            hidden: law of y and z; needed where the closure is made of it.

        Raises:
            InputError: if it is needed and missing.
        """
        mean_y, mean_z, product = self._linearised(u, hidden)
        a = self.alpha
        A1 = a * torch.stack(torch.broadcast_tensors(u + mean_z, mean_y), -1)
        rates = constant(u, ((self.growth_y, 0.0), (0.0, self.growth_z)))
        exchange = constant(u, ((0.0, 2 * a), (-3 * a, 0.0)))
        return euler_maruyama(
            self.dt, self.growth_x * u - a * product, A1,
            constant(u, (-a, 0.0)) * u**2, rates + exchange * u.unsqueeze(-1),
            *independent_noise(u, (self.noise_x,), (self.noise_y, self.noise_z)),
        )

    def _linearised(self, u: Tensor, hidden: Gaussian | None) -> tuple[Tensor, Tensor, Tensor]:
        """Means of y and z, and the number p in y z = mean_z y + mean_y z - p."""
        if self.closure == "bare":
            mean = torch.zeros(2).to(u)
        elif self.closure == "climatological":
            mean = constant(u, self.climate.mean[1:])
        elif hidden is None:
            raise InputError(
                "closure of the triad", self.closure, "needs the law of the hidden variables",
                "Pass it to coefficients, or use climatological.",
            )
        else:
            mean = hidden.mean
        y, z = mean[..., :1], mean[..., 1:]
        if self.closure != "path" or hidden is None:
            return y, z, y * z
        return y, z, y * z - hidden.cov[..., 0, 1].unsqueeze(-1)

    def advance(self, q: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
        return self.exact.advance(q, steps, generator)

    @property
    def exact(self) -> Triad:
        """The triad itself, whose hidden z is conditionally Gaussian."""
        same = {name: getattr(self, name) for name in option_fields(Triad)}
        return Triad(**same)


@Setting
def triad() -> Triad:
    """The triad seen every 0.25."""
    return Triad()


@Setting
def triad_closed() -> ClosedTriad:
    """The triad seen every 0.25, of which x alone is resolved."""
    return ClosedTriad()
