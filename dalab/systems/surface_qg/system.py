r"""Surface quasi-geostrophic turbulence: temperatures at the ground and at the tropopause.

A jet that depends on height, to which radiation relaxes the flow in ten days, is unstable; cyclones
of 20 Rossby radii a domain take its place. States are anomalies of potential temperature at both
boundaries, q f theta_0 / g; see :mod:`.solver` for the equation of q.

References:
    | Tulloch and Smith (J. Atmos. Sci. 66, 2009), section 3; sqgturb: the flow
    | DAISI (arXiv 2512.00252) and the repository of DAWIS: parameters, grids, time steps, initial
      states and the time between states. Their states are q, divided by its standard deviation of
      2660 m/s, which is 8.14 K.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from ...errors import InputError
from ...interruption import check_interruption
from ...option_fields import positive, real, whole
from ...random import stream
from ..base import Streams
from ..library import library_names, load_states
from ..parametric import Setting, SpunUp
from ..quantities import Quantity
from ..two_layer_qg import interpolate
from .fields import FIELDS
from .solver import Solver, initial_states

STD = 8.14
"""Climatological standard deviation of the published flow on 64 x 64 cells [K], of both levels."""

THETA = 300.0
"""Reference potential temperature [K]."""

GRAVITY = 9.8
"""Acceleration of gravity [m/s2]."""

PUBLISHED = {
    64: (1200.0, 86400.0), 96: (900.0, 28800.0), 128: (600.0, 28800.0), 192: (300.0, 10800.0),
    256: (90.0, 5400.0),
}
"""Time step and e-folding time of the smallest waves [s], by the cells along a side."""


ADJUSTMENT = 40 * 86400.0
"""Time in which states of one flow become states of another, four times that of relaxation [s]."""


@dataclass(frozen=True, kw_only=True)
class SurfaceQG(SpunUp):
    """Potential temperature anomalies [K] at z = 0 and z = H, ``size`` x ``size`` cells each.

    ``dt`` and ``diffusion`` are those published for the grid, where there are such: for 64, 96,
    128, 192 and 256 cells. Other grids need both as options.

    Three exact symmetries move states to other states besides shifts along x (:meth:`moved`): the
    mirror image -q(x, -y), the mirror image -q(-x, y + L/2), and the exchange of the levels, as
    -q(x, y + L/2).

    Raises:
        InputError: if a parameter is out of bounds, ``size`` is odd or has no published time step,
            or the interval is not a whole number of time steps.
    """

    name: str = "sqg64"
    size: int = whole(64, 8, 1024, "cells along each side, even")
    dt: float = real(0.0, 0.0, 86400.0, "time step [s]; 0 for that published for the grid")
    diffusion: float = real(
        0.0, 0.0, 1e9, "e-folding time of the smallest waves along x [s]; 0 for the published one"
    )
    advection: float = positive(
        2.25, 100.0, "factor of the advection, that of the published code; 1 in the equation"
    )
    shear: float = real(30.0, 0.0, 200.0, "shear of the jet between the boundaries [m/s]")
    relaxation: float = positive(10.0, 1e6, "time of the relaxation to the jet [day]")
    f: float = positive(1e-4, 1e-2, "Coriolis parameter [1/s]")
    stability: float = positive(1e-2, 1.0, "buoyancy frequency [1/s]")
    height: float = positive(1e4, 1e6, "distance of the boundaries [m]")
    L: float = positive(2e7, 1e9, "length of a side [m]")
    interval: float = positive(10800.0, 1e7, "time between two steps of a window [s]")
    time_unit, length_unit, units = "s", "m", "K"
    displayed_time = ("h", 3600.0)
    symbol, quantity, variable_word = "θ", "potential temperature anomaly", "level"
    variables = ("lower", "upper")
    energy_unit = ("m² s⁻²", 1.0)
    spinup = 2400
    linear = False
    mirror_symmetric = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size % 2:
            raise InputError("size", self.size, "must be even", f"Use {self.size + 1}.")
        if self.size not in PUBLISHED and not (self.dt and self.diffusion):
            known = ", ".join(map(str, PUBLISHED))
            raise InputError(
                "size", self.size, f"must be one of {known} without dt and diffusion",
                "Give both, such as sqg64:size=32,dt=1800,diffusion=172800.",
            )
        dt = self.solver.dt
        if abs(self.interval / dt - round(self.interval / dt)) > 1e-9 or self.interval < dt:
            raise InputError(
                "time step dt", dt, f"must divide the interval of {self.interval} s",
                f"Use {self.interval / math.ceil(self.interval / dt):g}.",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        return (2, self.size, self.size)

    @property
    def scale(self) -> Tensor:
        return torch.full((2, 1, 1), STD, dtype=torch.float64)

    @property
    def kelvin(self) -> float:
        """Temperature of q = 1 m/s [K]."""
        return self.f * THETA / GRAVITY

    @cached_property
    def solver(self) -> Solver:
        """The solver of its equation, of q [m/s]."""
        dt, diffusion = PUBLISHED.get(self.size, (0.0, 0.0))
        return Solver(
            n=self.size, L=self.L, H=self.height, f=self.f, stability=self.stability, U=self.shear,
            relaxation=86400 * self.relaxation, dt=self.dt or dt,
            diffusion=self.diffusion or diffusion, factor=self.advection,
        )

    @property
    def steps_per_interval(self) -> int:
        """Time steps in one interval."""
        return round(self.interval / self.solver.dt)

    def step(self, x: Tensor, n: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Normalised state ``n`` intervals later; the flow is deterministic.

        Args:
            x: normalised states, ``(..., 2, size, size)``.
            n: intervals to advance.
            generator: unused.
        """
        spectrum = self._spectrum(x)
        for _ in range(n):
            spectrum = self._interval_later(spectrum)
        return self._state(spectrum)

    def trajectory(
        self, x: Tensor, length: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """``x`` and the ``length - 1`` states after it in one uninterrupted integration."""
        states, spectrum = [x], self._spectrum(x)
        for _ in range(length - 1):
            spectrum = self._interval_later(spectrum)
            states.append(self._state(spectrum))
        return torch.stack(states, -4)

    def integrate(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the states 1, 2, ... intervals after ``x``, without end and without gradients."""
        with torch.no_grad():
            spectrum = self._spectrum(x)
        while True:
            with torch.no_grad():
                spectrum = self._interval_later(spectrum)
                state = self._state(spectrum)
            yield state

    def _interval_later(self, spectrum: Tensor) -> Tensor:
        for _ in range(self.steps_per_interval):
            check_interruption()
            spectrum = self.solver.step(spectrum)
        return spectrum

    def _spectrum(self, x: Tensor) -> Tensor:
        return torch.fft.rfft2(x * (STD / self.kelvin))

    def _state(self, spectrum: Tensor) -> Tensor:
        return torch.fft.irfft2(spectrum, s=self.shape[-2:]) / (STD / self.kelvin)

    def initial_states(self, count: int, seed: int) -> Tensor:
        """States that spin-ups start from, normalised, ``(count, *shape)``, float32.

        A state does not depend on how many there are; see :func:`.solver.initial_states`.

        Args:
            count: states wanted.
            seed: of their noise.
        """
        generators = [stream(seed, "initial state", i) for i in range(count)]
        return (initial_states(self.solver, generators) * (self.kelvin / STD)).float()

    def sample_climate(self, count: int, generator: torch.Generator) -> Tensor:
        """States of developed turbulence, normalised, ``(count, *shape)``, float64.

        States of the library, each moved by exact symmetries of the equations, and then left to
        evolve for 4 to 6 days in float32: they are draws, of which only the statistics matter.

        Args:
            count: states wanted.
            generator: source of all choices.
        """
        return self._evolved(self.draw_images(count, generator), generator)

    def sample_window(self, length: int, streams: Streams) -> Tensor:
        """Consecutive states of developed turbulence, ``(length, *shape)``, float64.

        Args:
            length: states in all.
            streams: gives the streams ``state`` and ``lead``.
        """
        state = self._evolved(self.draw_images(1, streams("state"))[0], streams("lead"))
        with torch.no_grad():
            return self.trajectory(state, length)

    def draw_images(self, count: int, generator: torch.Generator) -> Tensor:
        """States of the library, each moved at random, normalised, ``(count, *shape)``, float64.

        Args:
            count: states wanted.
            generator: source of all choices.
        """
        library = self.library_states()

        def draw(high: int) -> int:
            return int(torch.randint(high, (), generator=generator))

        return torch.stack([
            self.moved(
                library[draw(len(library))], draw(self.size), bool(draw(2)), bool(draw(2)),
                bool(draw(2)),
            )
            for _ in range(count)
        ])

    def library_states(self) -> Tensor:
        """Developed states that all draws start from, normalised, ``(count, *shape)``, float64.

        They are bundled. A changed system without a library of its own makes one on first use, see
        :func:`adjusted_states`.
        """
        changed = self.name != self.base_name and self.name not in library_names()
        return adjusted_states(self) if changed else load_states(self.name).double()

    def moved(self, x: Tensor, columns: int, north: bool, east: bool, levels: bool) -> Tensor:
        """Image of states under symmetries of the equations, same shape.

        Args:
            x: normalised, ``(..., 2, size, size)``.
            columns: cells by which they are moved along x.
            north: true for the mirror image in y.
            east: true for that in x, half a domain along y.
            levels: true for the other level, half a domain along y.
        """
        x, half = x.roll(columns, -1), self.size // 2
        x = -x.flip(-2) if north else x
        x = -x.flip(-1).roll(half, -2) if east else x
        return -x.flip(-3).roll(half, -2) if levels else x

    def _evolved(self, states: Tensor, generator: torch.Generator) -> Tensor:
        days = 4 + 2 * float(torch.rand((), generator=generator))
        with torch.no_grad():
            return self.step(states.float(), round(86400 * days / self.interval)).double()

    @property
    def time_label(self) -> str:
        return f"time (steps of {self.interval / 3600:g} h)"

    @property
    def shifts(self) -> tuple[int, int]:
        return self.size, 1

    @property
    def sides(self) -> tuple[float, float]:
        return self.L, self.L

    def coords(self) -> Mapping[str, Sequence[float]]:
        centres = self.solver.grid.centres().tolist()
        return {"lev": [0.0, self.height], "y": centres, "x": centres}

    @property
    def cf_attributes(self) -> Mapping[str, Mapping[str, str]]:
        known = super().cf_attributes
        lev = {"long_name": "height of the boundary", "units": "m", "positive": "up", "axis": "Z"}
        y, x = (
            {**known[axis], "standard_name": f"projection_{axis}_coordinate"} for axis in "yx"
        )
        return {**known, "lev": lev, "y": y, "x": x}

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        return FIELDS


@lru_cache(maxsize=4)
def adjusted_states(system: SurfaceQG) -> Tensor:
    """A library of a changed system: states of the plain one after 40 days in the changed flow.

    Four states, interpolated to its grid. It takes half a minute on 64 x 64 cells, once in a
    process; ``dalab climatology`` makes a library to keep.

    Args:
        system: changed system.

    Returns:
        Normalised states, ``(4, *shape)``, float64.
    """
    states = interpolate(load_states(system.base_name)[::16], system.size)
    with torch.no_grad():
        return system.step(states, round(ADJUSTMENT / system.interval)).double()


@Setting
def sqg64() -> SurfaceQG:
    """Surface quasi-geostrophic turbulence on 64 x 64 cells of a 20000 km square, every 3 hours."""
    return SurfaceQG()
