r"""Lorenz-96: a ring of sites that stands for a circle of latitude.

.. math:: \dot x_i = (x_{i+1} - x_{i-2}) \, x_{i-1} - x_i + F .

The quadratic part conserves the energy sum x_i^2 / 2 exactly; the rest damps and forces it.

References:
    | Lorenz, Predictability: a problem partly solved (ECMWF, 1996)
    | Sakov and Oke (2008): 40 sites, F = 8, time step 0.05, observed every step
    | Spantini, Baptista and Marzouk (2022), EnSF, EnSF-LR, SSLS, CCDM: settings named after them
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..option_fields import real, whole
from .parametric import Setting
from .time_stepped import RungeKutta, time_between, time_step

MEAN = 2.34
STD = 3.64


@dataclass(frozen=True, kw_only=True)
class Lorenz96(RungeKutta):
    """One field on a ring of ``d`` sites, a grid of 1 x d cells.

    The normalisation is that of F = 8: mean and standard deviation over 100 units of model time of
    400 trajectories on 40 sites from different states, 20 units after their start. With 100 sites
    and a time step of 0.01 they are 2.335 and 3.637.

    Raises:
        InputError: as in :class:`TimeStepped`.
    """

    name: str = "lorenz96"
    d: int = whole(40, 4, 10**7, "sites on the ring")
    forcing: float = real(8.0, -100.0, 100.0, "F, of every site")
    dt: float = time_step(0.05)
    interval: float = time_between(0.05)
    linear = False

    @property
    def shape(self) -> tuple[int, int, int]:
        return (1, 1, self.d)

    @property
    def offset(self) -> Tensor:
        return torch.full((1, 1, 1), MEAN, dtype=torch.float64)

    @property
    def scale(self) -> Tensor:
        return torch.full((1, 1, 1), STD, dtype=torch.float64)

    def tendency(self, q: Tensor) -> Tensor:
        return ring_tendency(q, self.forcing)


def ring_tendency(q: Tensor, forcing: float) -> Tensor:
    """Tendency of Lorenz-96 on the last axis of ``(..., d)``."""
    ring = torch.cat([q[..., -2:], q, q[..., :1]], -1)  # one copy for three neighbours
    ahead, behind, two_behind = ring[..., 3:], ring[..., 1:-2], ring[..., :-3]
    return ((ahead - two_behind) * behind).sub_(q).add_(forcing)


@Setting
def lorenz96() -> Lorenz96:
    """Lorenz-96 on 40 sites seen every 0.05, the setting of Sakov and Oke (2008)."""
    return Lorenz96()


@Setting
def lorenz96_spantini() -> Lorenz96:
    """Lorenz-96 on 40 sites seen every 0.4, the setting of Spantini et al. (2022)."""
    return Lorenz96(name="lorenz96-spantini", interval=0.4)


@Setting
def lorenz96_ensf() -> Lorenz96:
    """Lorenz-96 on 100 sites seen every 0.1 in time steps of 0.01, as EnSF was tuned on."""
    return Lorenz96(name="lorenz96-ensf", d=100, dt=0.01, interval=0.1)


@Setting
def lorenz96_ensf_lr() -> Lorenz96:
    """Lorenz-96 on 40 sites seen every 0.2 in time steps of 0.02, the setting of EnSF-LR."""
    return Lorenz96(name="lorenz96-ensf-lr", dt=0.02, interval=0.2)


@Setting
def lorenz96_ssls() -> Lorenz96:
    """Lorenz-96 on 20 sites seen every 0.05 with model noise of 0.1 sqrt(dt), as in SSLS."""
    return Lorenz96(name="lorenz96-ssls", d=20, noise=0.1)


@Setting
def lorenz96_ccdm() -> Lorenz96:
    """Lorenz-96 on 40 sites seen every 0.1 in Euler steps of 0.01, forecasts with noise 0.1: CCDM.

    Its truths have none: ``lorenz96-ccdm:interval_noise=0``.
    """
    return Lorenz96(
        name="lorenz96-ccdm", dt=0.01, interval=0.1, scheme="euler", interval_noise=0.1
    )
