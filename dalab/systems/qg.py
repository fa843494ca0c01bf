"""The two-layer quasi-geostrophic systems of the lab: a solver, a day, and a normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import InputError
from .transport import FOUR_STAGES, Transport
from .two_layer_qg import TwoLayerQG, interpolated

DAY = 86400.0


@dataclass(frozen=True, kw_only=True)
class QGSystem:
    """Two-layer QG flow seen once a day, in normalised PV.

    Args:
        name: how the registry calls it.
        model: the solver and its parameters.
        std: climatological standard deviation of the PV of each layer [1/s]; a state is PV / std.
        interval: time between two steps of a window [s], a whole number of ``model.dt``.
        pooled: whether states are means over 2 x 2 cells of a flow on twice the resolution, which
            the model then only approximates.

    Raises:
        InputError: if ``interval`` is not a whole number of time steps.
    """

    name: str
    model: TwoLayerQG
    std: tuple[float, float]
    interval: float = DAY
    pooled: bool = False
    dims: tuple[str, ...] = ("lev", "y", "x")
    units: str = "s-1"
    time_unit: str = "s"
    symbol: str = "q"
    quantity: str = "potential vorticity anomaly"

    def __post_init__(self) -> None:
        if self.interval % self.model.dt:
            raise InputError(
                "time step dt", self.model.dt, f"must divide the interval of {self.interval} s",
                "Use 7200, 3600, 1800 or 900.",
            )

    @property
    def mirrored(self) -> bool:
        """Whether -q(x, -y) is a state whenever q is: it is, on a beta plane."""
        return True

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

    def trajectory(self, x: Tensor, length: int) -> Tensor:
        """``x`` and the ``length - 1`` states after it in one uninterrupted integration."""
        scale = self.scale.to(x)
        return self.model.snapshots(x * scale, length, self.steps_per_interval) / scale

    def finer_trajectory(self, x: Tensor, length: int) -> Tensor:
        """:meth:`trajectory` of means over 2 x 2 cells, integrated on twice the resolution.

        The smallest scales of such means, which the model's own filter would take away, are kept.
        """
        scale, model = self.scale.to(x), self.finer(2)
        q = model.snapshots(interpolated(x * scale, model.nx), length, 2 * self.steps_per_interval)
        return interpolated(q, x.shape[-1]) / scale

    def transport(self, finer: bool = False, frozen: bool = False) -> Transport:
        """Carries states over one interval ahead and back, cheaply.

        Beyond 64 cells a side a step passes several cells: it takes four stages to be stable, and
        as much of the filter as the solver applies in that time.

        Args:
            finer: whether on half as many cells again, which keeps all scales of states that are
                means over 2 x 2 cells.
            frozen: whether derivatives take the flow that carries the states for given.
        """
        model = self.finer(3 / 2) if finer else self.model
        steps = max(2, model.nx // 64)
        if model.nx <= 64:
            return Transport(model, self.scale, self.interval, steps, frozen=frozen)
        often = self.interval / model.dt / steps
        model = replace(model, filterfac=often * model.filterfac)
        return Transport(model, self.scale, self.interval, steps, FOUR_STAGES, frozen)

    def finer(self, factor: float) -> TwoLayerQG:
        """The model on ``factor`` times as many cells a side, its steps as much shorter."""
        model = self.model
        return replace(model, nx=round(factor * model.nx), dt=model.dt / factor)

    def coords(self) -> Mapping[str, Sequence[float]]:
        centres = self.model.grid.centres().tolist()
        return {"lev": [1, 2], "y": centres, "x": centres}
