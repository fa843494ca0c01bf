r"""Lorenz-63: three variables of convection, the smallest chaotic flow of the lab.

.. math::
    \dot x = \sigma (y - x), \qquad \dot y = x (\rho - z) - y, \qquad \dot z = x y - \beta z .

References:
    | Lorenz, Deterministic nonperiodic flow (J. Atmos. Sci. 20, 1963)
    | Sakov, Oliver and Bertino (2012): time step 0.01, observations every 0.25
    | EnFF and EnSF-LR: the settings of the score-filter papers named after them
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from .lorenz import Lorenz

MEAN = (0.0, 0.0, 23.55)
STD = (7.93, 9.01, 8.63)


@dataclass(frozen=True, kw_only=True)
class Lorenz63(Lorenz):
    """Three fields on a grid of one cell: x, y and z.

    The normalisation is that of the usual parameters: mean and standard deviation over 50 units of
    model time of 2,000 trajectories from different states, 20 units after their start.

    Args:
        sigma: Prandtl number.
        rho: Rayleigh number relative to its critical value.
        beta: geometric factor.

    Raises:
        InputError: if a parameter is not positive, or as in :class:`Lorenz`.
    """

    name: str = "lorenz63"
    dt: float = 0.01
    interval: float = 0.25
    sigma: float = 10.0
    rho: float = 28.0
    beta: float = 8 / 3

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("sigma", "rho", "beta"):
            if not getattr(self, name) > 0:
                raise InputError(name, getattr(self, name), "must be positive", "Use the default.")

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


def lorenz63() -> Lorenz63:
    """Lorenz-63 seen every 0.25, the setting of Sakov et al. (2012)."""
    return Lorenz63()


def lorenz63_enff() -> Lorenz63:
    """Lorenz-63 seen every 0.1 in time steps of 0.05 with a little model noise, as in EnFF.

    The published noise of 0.01 is taken for the standard deviation of what every time step adds.
    """
    return Lorenz63(name="lorenz63-enff", dt=0.05, interval=0.1, noise=0.01 / math.sqrt(0.05))


def lorenz63_dapper() -> Lorenz63:
    """Lorenz-63 seen every 0.1 in time steps of 0.05, the second setting of DAPPER."""
    return Lorenz63(name="lorenz63-dapper", dt=0.05, interval=0.1)


def lorenz63_ensf_lr() -> Lorenz63:
    """Lorenz-63 seen every 0.2 in time steps of 0.02, the setting of EnSF-LR."""
    return Lorenz63(name="lorenz63-ensf-lr", dt=0.02, interval=0.2)
