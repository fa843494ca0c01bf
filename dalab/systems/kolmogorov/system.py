r"""Kolmogorov flow: turbulence in two dimensions, driven by a wave of force and held by drag.

A force sin(4 y) along x, viscosity 1 / Re and linear drag act on an incompressible fluid on a
square of side 2 pi; see :mod:`.solver` for the equation. At Re = 1000 its laminar flow,
u_x = sin(4 y) / (16 / Re + drag), is unstable, and jets and vortices take its place.

References:
    | MASF (arXiv 2604.02889), repository ``tcnllab-oss/masf``: parameters, grids, the time between
      states, initial fields and their spin-up. It steps finite volumes of jax-cfd with a flux
      limiter, on a staggered grid, by forward Euler. Here a spectral solver does, velocities are
      those at the centres of the cells, and no limiter damps the smallest scales.
    | Kochkov et al., Machine learning-accelerated computational fluid dynamics (PNAS 118, 2021):
      the flow and its forcing
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...interruption import check_interruption
from ...option_fields import positive, real, whole
from ..parametric import ParametricSystem, Setting
from ..quantities import Quantity
from .solver import Solver, initial_velocity, make_symbols

STD = (1.02, 0.975)
"""Climatological standard deviations of u_x and u_y: root mean squares of 100 trajectories on
64 x 64 cells at seven times from 10 to 100 (1.022 and 0.977, sampling error 0.7 %). Their means are
zero."""

SPEED = 5.0
"""Speed for which the time step is made."""


@dataclass(frozen=True, kw_only=True)
class Kolmogorov(ParametricSystem):
    """Two components of the velocity on ``size`` x ``size`` cells of a square of side 2 pi.

    The time step is the longest of which a whole number fill the interval and in which a speed of 5
    passes at most ``courant`` cells: 21 an interval on 64 x 64 cells, 41 on 128, 82 on 256 and 163
    on 512. At the default the scheme is stable up to a speed of 9.5.

    The mean of a state, its divergence, and wavenumbers from a third of the cells on are no part of
    the flow: a step drops them, so that it takes any state of another origin, such as an analysis,
    to its projection on the flow.

    Raises:
        InputError: if a parameter is out of bounds, ``size`` is odd, or the grid cannot hold the
            wave of the force.
    """

    name: str = "kolmogorov"
    size: int = whole(64, 8, 2048, "cells along each side, even")
    reynolds: float = positive(1000.0, 1e9, "Reynolds number, the inverse of the viscosity")
    drag: float = real(0.1, 0.0, 100.0, "rate of the linear drag; 0 for none")
    forcing: float = real(1.0, 0.0, 100.0, "amplitude of the force; 0 for none")
    wavenumber: int = whole(4, 1, 500, "waves of the force along y")
    interval: float = positive(0.2, 1000.0, "time between two steps of a window [model time]")
    courant: float = positive(0.5, 0.9, "cells that a speed of 5 passes in a time step, at most")
    symbol, quantity, variable_word = "u", "velocity", "component"
    variables = ("u_x", "u_y")
    linear = False
    enstrophy_unit = ("", 1.0)
    spinup = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size % 2:
            raise InputError("size", self.size, "must be even", f"Use {self.size + 1}.")
        if 3 * self.wavenumber >= self.size:
            raise InputError(
                "wavenumber", self.wavenumber, f"must be below a third of the {self.size} cells, "
                "as all that are kept", "Use more cells, or longer waves.",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        return (2, self.size, self.size)

    @property
    def offset(self) -> Tensor:
        return torch.zeros(2, 1, 1, dtype=torch.float64)

    @property
    def scale(self) -> Tensor:
        return torch.tensor(STD, dtype=torch.float64)[:, None, None]

    @property
    def steps_per_interval(self) -> int:
        """Time steps in one interval."""
        return math.ceil(self.interval * SPEED * self.size / (2 * math.pi * self.courant))

    @cached_property
    def solver(self) -> Solver:
        """The solver of its equation."""
        return Solver(
            n=self.size, viscosity=1 / self.reynolds, drag=self.drag, forcing=self.forcing,
            wavenumber=self.wavenumber, dt=self.interval / self.steps_per_interval,
        )

    def step(self, x: Tensor, n: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Normalised state ``n`` intervals later; the flow is deterministic.

        Args:
            x: normalised states, ``(..., 2, size, size)``.
            n: intervals to advance.
            generator: unused.
        """
        return self.normalised(self.advance(self.physical(x), n * self.steps_per_interval))

    def advance(self, u: Tensor, steps: int) -> Tensor:
        """Velocities ``steps`` time steps later, same shape as ``u``."""
        w = self.solver.vorticity(u)
        for _ in range(steps):
            check_interruption()
            w = self.solver.step(w)
        return self.solver.velocity(w)

    def sample_climate(self, count: int, generator: torch.Generator) -> Tensor:
        """Independent states of the climate, normalised, ``(count, *shape)``, float64.

        Each is an initial field of its own (:func:`.solver.initial_velocity`) after 50 intervals,
        in float32: it is a draw, of which only the statistics matter.

        Args:
            count: states wanted.
            generator: source of the initial fields.
        """
        with torch.no_grad():
            start = initial_velocity(self.solver, count, generator)
            steps = self.spinup * self.steps_per_interval
            return self.normalised(self.advance(start.float(), steps).double())

    @property
    def shifts(self) -> tuple[int, int]:
        whole = self.size % self.wavenumber == 0
        return (self.size // self.wavenumber if whole else self.size), 1

    @property
    def sides(self) -> tuple[float, float]:
        return 2 * math.pi, 2 * math.pi

    def coords(self) -> Mapping[str, Sequence[float]]:
        centres = self.solver.grid.centres().tolist()
        return {"lev": [1, 2], "y": centres, "x": centres}

    @property
    def cf_attributes(self) -> Mapping[str, Mapping[str, str]]:
        known = super().cf_attributes
        y, x = ({**known[axis], "long_name": f"distance along {axis}"} for axis in "yx")
        lev = {"long_name": "component of the velocity, x and y", "units": "1"}
        return {**known, "lev": lev, "y": y, "x": x}

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        return FIELDS


def vorticity(system: Kolmogorov) -> np.ndarray:
    """Transfer function from the velocity to the vorticity, twice: one for either component."""
    curl = make_symbols(system.solver, torch.device("cpu"), torch.float64).curl
    return torch.stack([curl, curl]).numpy()


FIELDS: Mapping[str, Quantity] = {
    "vorticity": Quantity("vorticity", "", 1.0, vorticity),
    "velocity": Quantity("velocity {variable}", "", 1.0),
    "speed": Quantity("speed", "", 1.0, magnitude=True),
}
"""Fields that can be shown of the flow."""


@Setting
def kolmogorov() -> Kolmogorov:
    """Kolmogorov flow at Re = 1000 on 64 x 64 cells, seen every 0.2, as in MASF on 128 and more."""
    return Kolmogorov()
