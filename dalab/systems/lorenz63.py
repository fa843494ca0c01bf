r"""Lorenz-63: three variables of convection, the smallest chaotic flow of the lab.

.. math::
    \dot x = \sigma (y - x), \qquad \dot y = x (\rho - z) - y, \qquad \dot z = x y - \beta z .

References:
    | Lorenz, Deterministic nonperiodic flow (J. Atmos. Sci. 20, 1963)
    | Sakov, Oliver and Bertino (2012): time step 0.01, observations every 0.25
    | EnFF, EnSF-LR and CCDM: the settings of the score-filter papers named after them
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..option_fields import positive
from .parametric import Setting
from .time_stepped import RungeKutta, time_between, time_step

MEAN = (0.0, 0.0, 23.55)
STD = (7.93, 9.01, 8.63)


@dataclass(frozen=True, kw_only=True)
class Lorenz63(RungeKutta):
    """Three fields on a grid of one cell: x, y and z.

    The normalisation is that of the usual parameters: mean and standard deviation over 50 units of
    model time of 2,000 trajectories from different states, 20 units after their start.

    Raises:
        InputError: as in :class:`TimeStepped`.
    """

    name: str = "lorenz63"
    sigma: float = positive(10.0, 1000.0, "Prandtl number")
    rho: float = positive(28.0, 1000.0, "Rayleigh number relative to its critical value")
    beta: float = positive(8 / 3, 100.0, "geometric factor")
    dt: float = time_step(0.01)
    interval: float = time_between(0.25)
    linear = False

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, 1, 1)

    @property
    def offset(self) -> Tensor:
        return torch.tensor(MEAN, dtype=torch.float64)[:, None, None]

    @property
    def scale(self) -> Tensor:
        return torch.tensor(STD, dtype=torch.float64)[:, None, None]

    @property
    def variables(self) -> tuple[str, ...]:
        return ("x", "y", "z")

    def tendency(self, q: Tensor) -> Tensor:
        x, y, z = q.unbind(-3)
        return torch.stack(
            [self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z], dim=-3
        )


@Setting
def lorenz63() -> Lorenz63:
    """Lorenz-63 seen every 0.25, the setting of Sakov et al. (2012)."""
    return Lorenz63()


@Setting
def lorenz63_enff() -> Lorenz63:
    """Lorenz-63 seen every 0.1 in time steps of 0.05 with a little model noise, as in EnFF.

    The published noise of 0.01 is taken for the standard deviation of what every time step adds.
    """
    return Lorenz63(name="lorenz63-enff", dt=0.05, interval=0.1, noise=0.01 / math.sqrt(0.05))


@Setting
def lorenz63_dapper() -> Lorenz63:
    """Lorenz-63 seen every 0.1 in time steps of 0.05, the second setting of DAPPER."""
    return Lorenz63(name="lorenz63-dapper", dt=0.05, interval=0.1)


@Setting
def lorenz63_ensf_lr() -> Lorenz63:
    """Lorenz-63 seen every 0.2 in time steps of 0.02, the setting of EnSF-LR."""
    return Lorenz63(name="lorenz63-ensf-lr", dt=0.02, interval=0.2)


@Setting
def lorenz63_ccdm() -> Lorenz63:
    """Lorenz-63 seen every 0.1 in Euler steps of 0.01, forecasts with noise 0.01: L63_02 of CCDM.

    Its truths have none: ``lorenz63-ccdm:interval_noise=0``.
    """
    return Lorenz63(
        name="lorenz63-ccdm", dt=0.01, interval=0.1, scheme="euler", interval_noise=0.01
    )


@Setting
def lorenz63_daisi() -> Lorenz63:
    """Lorenz-63 seen every 0.1 in time steps of 0.025, noise of 0.16 after each: SDA and FlowDAS.

    The variance that every time step adds is 0.025. Its paper does not say what DAISI was tried on.
    """
    return Lorenz63(name="lorenz63-daisi", dt=0.025, interval=0.1, noise=1.0)
