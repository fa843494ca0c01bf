"""The two-layer quasi-geostrophic systems of the lab: a solver, a day, and a normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from .two_layer_qg import TwoLayerQG

DAY = 86400.0


@dataclass(frozen=True, kw_only=True)
class QGSystem:
    """Two-layer QG flow seen once a day, in normalised PV.

    Args:
        name: how the registry calls it.
        model: the solver and its parameters.
        std: climatological standard deviation of the PV of each layer [1/s]; a state is PV / std.
        interval: time between two steps of a window [s], a whole number of ``model.dt``.

    Raises:
        InputError: if ``interval`` is not a whole number of time steps.
    """

    name: str
    model: TwoLayerQG
    std: tuple[float, float]
    interval: float = DAY
    dims: tuple[str, ...] = ("lev", "y", "x")
    units: str = "s-1"

    def __post_init__(self) -> None:
        if self.interval % self.model.dt:
            raise InputError(
                "time step dt", self.model.dt, f"must divide the interval of {self.interval} s",
                "Use 7200, 3600, 1800 or 900.",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        return (2, self.model.nx, self.model.nx)

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

    def trajectory(self, x: Tensor, length: int) -> Tensor:
        """``x`` and the ``length - 1`` states after it in one uninterrupted integration."""
        scale = self.scale.to(x)
        return self.model.snapshots(x * scale, length, self.steps_per_interval) / scale

    def coords(self) -> Mapping[str, Sequence[float]]:
        centres = self.model.grid.centres().tolist()
        return {"lev": [1, 2], "y": centres, "x": centres}
