"""The two-layer quasi-geostrophic systems of the lab: a solver, a day, and a normalisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..fields import relative_vorticity
from ..random import stream
from .base import Streams
from .library import library_names, load_states
from .parametric import SpunUp
from .propagator import FOUR_STAGES, QGPropagator
from .qg_library import draw_images, draw_lead, draw_states
from .quantities import Quantity
from .two_layer_qg import TwoLayerQG, interpolate

DAY = 86400.0

ADJUSTMENT = 1500
"""Days in which states of one flow become states of another.

With ``rd=25e3``, which hardly has eddies, the standard deviation is then within 1 % of that of 2400
days; after 1000 days it is 10 % above.
"""

SHORTEST = 0.1
"""Shortest time step [s]."""

Snapshots = Callable[[TwoLayerQG, Tensor, int, int], Tensor]
"""From a model, PV [1/s], a number of states and the time steps between them to the states."""


@dataclass(frozen=True, kw_only=True)
class QGSystem(SpunUp):
    """Two-layer QG flow seen once a day, in normalised PV.

    The parameters of its text are those of the model but for its cells: ``qg64:rd=25e3``. A changed
    system keeps the normalisation of the plain one, which only defines units.

    Args:
        name: name of the setting.
        model: the solver and its parameters.
        std: climatological standard deviation of the PV of each layer [1/s]; a state is PV / std.
        interval: time between two steps of a window [s], a whole number of ``model.dt``.
        pooled: true if states are means over 2 x 2 cells of a flow on twice the resolution, which
            the model then only approximates.

    Raises:
        InputError: if ``interval`` is not a whole number of time steps.
    """

    name: str
    model: TwoLayerQG
    std: tuple[float, float]
    interval: float = DAY
    pooled: bool = False
    time_unit, length_unit, units = "s", "m", "s-1"
    symbol, quantity, variable_word = "q", "potential vorticity anomaly", "layer"
    variables = ("upper", "lower")
    energy_unit = ("10⁻³ m² s⁻²", 1e3)
    enstrophy_unit = ("10⁻¹² s⁻²", 1e12)
    spinup = 5 * 365
    mirror_symmetric = other_solvers = True
    linear = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model.dt < SHORTEST or self.interval % self.model.dt:
            raise InputError(
                "time step dt", self.model.dt, f"must divide the interval of {self.interval} s, "
                f"and be at least {SHORTEST} s",
                "Use 7200, 3600, 1800 or 900.",
            )

    @property
    def options(self) -> TwoLayerQG:
        return self.model

    def _replaced(self, **values: Any) -> QGSystem:
        return replace(self, model=replace(self.model, **values))

    @property
    def shape(self) -> tuple[int, int, int]:
        return (2, self.model.nx, self.model.nx)

    @property
    def offset(self) -> Tensor:
        return torch.zeros(2, 1, 1, dtype=torch.float64)

    @property
    def scale(self) -> Tensor:
        return torch.tensor(self.std, dtype=torch.float64)[:, None, None]

    @property
    def steps_per_interval(self) -> int:
        """Solver steps in one interval."""
        return round(self.interval / self.model.dt)

    def step(self, x: Tensor, n: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Normalised state ``n`` intervals later; the flow is deterministic.

        Every call starts Adams-Bashforth afresh, as pyqg does when it is given a new PV.
        """
        scale = self.scale.to(x)
        return self.model.advance(x * scale, n * self.steps_per_interval) / scale

    def trajectory(
        self, x: Tensor, length: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """``x`` and the ``length - 1`` states after it in one uninterrupted integration."""
        scale = self.scale.to(x)
        return self.model.snapshots(x * scale, length, self.steps_per_interval) / scale

    def initial_states(self, count: int, seed: int) -> Tensor:
        """States that spin-ups start from, normalised, ``(count, *shape)``, float32.

        White noise below 1e-7 1/s plus noise below 1e-6 1/s that depends on x alone in the upper
        layer, nothing in the lower one (arXiv 2407.21314). A state does not depend on how many
        there are.

        Args:
            count: states wanted.
            seed: of their noise.
        """
        n = self.model.nx
        q = torch.zeros(count, *self.shape)
        for i in range(count):
            generator = stream(seed, "initial state", i)
            q[i, 0] = 1e-7 * torch.rand(n, n, generator=generator)
            q[i, 0] += 1e-6 * torch.rand(n, generator=generator)
        return q / self.scale.to(q)

    def integrate(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the states 1, 2, ... intervals after ``x``, without end and without gradients."""
        scale = self.scale.to(x)
        stepper = self.model.stepper(x * scale)
        while True:
            for _ in range(self.steps_per_interval):
                with torch.no_grad():
                    q = next(stepper)
            yield q / scale

    def finer_trajectory(self, x: Tensor, length: int) -> Tensor:
        """:meth:`trajectory` of means over 2 x 2 cells, integrated on twice the resolution.

        The smallest scales of such means, which the model's own filter would take away, are kept.
        """
        scale, model = self.scale.to(x), self.finer_model(2)
        q = model.snapshots(interpolate(x * scale, model.nx), length, 2 * self.steps_per_interval)
        return interpolate(q, x.shape[-1]) / scale

    def sample_climate(self, count: int, generator: torch.Generator) -> Tensor:
        """States of developed turbulence, normalised, ``(count, *shape)``, float64.

        States of the library, each moved by symmetries of the equations, and then left to evolve
        for 20 to 40 days.

        Args:
            count: states wanted.
            generator: source of all choices.

        Raises:
            InputError: if no library of states ships for the system.
        """
        states, scale = draw_images(self.library_states(), count, generator), self.scale
        steps = draw_lead(generator) * self.steps_per_interval
        with torch.no_grad():
            return self.model.advance(states * scale, steps) / scale

    def sample_window(self, length: int, streams: Streams) -> Tensor:
        """Consecutive states of developed turbulence, ``(length, *shape)``, float64.

        Args:
            length: states in all.
            streams: gives the streams ``state`` and ``lead``.

        Raises:
            InputError: if no library of states ships for the system.
        """
        state = draw_images(self.library_states(), 1, streams("state"))[0]
        return self.pv_after(state, draw_lead(streams("lead")), length) / self.scale

    def library_states(self) -> Tensor:
        """Developed states that all draws start from, normalised, ``(count, *shape)``, float64.

        They are bundled. A changed system without a library of its own makes one on first use, see
        :func:`adjusted_states`.

        Raises:
            InputError: if no library of states ships for the system.
        """
        changed = self.name != self.base_name and self.name not in library_names()
        return adjusted_states(self) if changed else load_states(self.name).double()

    def pv_after(
        self, x: Tensor, days: int, length: int, snapshots: Snapshots = TwoLayerQG.snapshots
    ) -> Tensor:
        """PV [1/s] of a window that opens some intervals after a state, ``(length, *shape)``.

        Args:
            x: normalised state, ``shape``.
            days: intervals from the state to the window.
            length: states in the window.
            snapshots: simulates the flow.
        """
        every = self.steps_per_interval
        with torch.no_grad():
            opening = snapshots(self.model, x * self.scale, 2, days * every)[-1]
            return snapshots(self.model, opening, length, every)

    def propagator(self, finer: bool = False, frozen: bool = False) -> QGPropagator:
        """A cheap solver over one interval, ahead and back.

        Beyond 64 cells a side a step passes several cells: it takes four stages to be stable, and
        as much of the filter as the solver applies in that time.

        Args:
            finer: true for half as many cells again, which keeps all scales of states that are
                means over 2 x 2 cells.
            frozen: true if derivatives take the flow that carries the states for given.
        """
        model = self.finer_model(3 / 2) if finer else self.model
        steps = max(2, model.nx // 64)
        if model.nx <= 64:
            return QGPropagator(model, self.scale, self.interval, steps, frozen=frozen)
        often = self.interval / model.dt / steps
        model = replace(model, filterfac=often * model.filterfac)
        return QGPropagator(model, self.scale, self.interval, steps, FOUR_STAGES, frozen)

    def finer_model(self, factor: float) -> TwoLayerQG:
        """The model on ``factor`` times as many cells a side, its steps as much shorter."""
        model = self.model
        return replace(model, nx=round(factor * model.nx), dt=model.dt / factor)

    @property
    def sides(self) -> tuple[float, float]:
        return self.model.L, self.model.L

    def coords(self) -> Mapping[str, Sequence[float]]:
        centres = self.model.grid.centres().tolist()
        return {"lev": [1, 2], "y": centres, "x": centres}

    @property
    def cf_attributes(self) -> Mapping[str, Mapping[str, str]]:
        known = super().cf_attributes
        lev = {"long_name": "layer, counted from the top", "units": "1", "positive": "down"}
        y, x = (
            {**known[axis], "standard_name": f"projection_{axis}_coordinate"} for axis in "yx"
        )
        return {**known, "lev": lev, "y": y, "x": x}

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        return FIELDS


@lru_cache(maxsize=4)
def adjusted_states(system: QGSystem) -> Tensor:
    """A library of a changed system: states of the plain one after 1500 days in the changed flow.

    Eight states, or two beyond 64 cells a side. It takes half a minute on 64 x 64 cells, once in a
    process; ``dalab climatology`` makes a library to keep.

    Args:
        system: changed system.

    Returns:
        Normalised states, ``(count, *shape)``, float64.

    Raises:
        InputError: if no library of states ships for the plain system.
    """
    count, scale = (8 if system.model.nx <= 64 else 2), system.scale.float()
    states = draw_states(system.base_name, count, stream(0, "adjustment", system.name)).float()
    with torch.no_grad():
        q = system.model.advance(states * scale, ADJUSTMENT * system.steps_per_interval)
    return (q / scale).double()


@lru_cache(maxsize=8)
def vorticity(system: QGSystem) -> np.ndarray:
    """Transfer function from the PV of two layers to their relative vorticity."""
    model = system.model
    return relative_vorticity(model.layers.inversion(model.grid), model.grid).numpy()


FIELDS: Mapping[str, Quantity] = {
    "relative vorticity": Quantity("relative vorticity", "10⁻⁶ s⁻¹", 1e6, vorticity),
    "PV": Quantity("potential vorticity", "10⁻⁶ s⁻¹", 1e6),
}
"""Fields that can be shown of a two-layer flow."""
