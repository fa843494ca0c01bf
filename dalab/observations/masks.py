"""Masks: the grid cells that are observed at each step of a window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import param
import torch
from torch import Tensor

from ..configurable import Configurable
from ..errors import InputError
from ..registry import Registry
from ..values import number, plain
from .cells import check_size, decode, form_of

MOST = 10**7
"""Cells along the longest side of any grid, and from one sensor to the next at most."""

SENSORS = 100_000
"""Most sensors of a list."""


class Mask(Configurable):
    """A pattern of observed cells.

    Attributes:
        may_be_empty: true if it may see nothing at all, as a list of no sensors does.
    """

    kind = "mask"
    may_be_empty: ClassVar[bool] = False

    def cells(self, steps: int, grid: Sequence[int], generator: torch.Generator) -> Tensor:
        """Observed cells, boolean ``(steps, ny, nx)`` in the order time, y, x.

        Args:
            steps: steps in the window.
            grid: cells along y and x, (ny, nx); a ring is (1, nx).
            generator: source of randomness, if the pattern is random.

        Raises:
            InputError: if the pattern does not fit the grid.
        """
        raise NotImplementedError


class Full(Mask):
    """Every cell at every observed step."""

    def cells(self, steps: int, grid: Sequence[int], generator: torch.Generator) -> Tensor:
        return torch.ones(*grid, dtype=torch.bool).expand(steps, *grid)


class Random(Mask):
    """A fixed number of cells drawn without replacement, the same at every step."""

    ratio = param.Number(
        0.25, bounds=(0.0, 1.0), inclusive_bounds=(False, True), doc="share of observed cells"
    )

    def cells(self, steps: int, grid: Sequence[int], generator: torch.Generator) -> Tensor:
        total = math.prod(grid)
        kept = int(self.ratio * total)
        if kept == 0:
            raise InputError(
                "mask random ratio",
                self.ratio,
                f"must keep at least one of the {total} cells",
                "Use full, or points:[] for no observations at all.",
            )
        pattern = torch.zeros(total, dtype=torch.bool)
        pattern[torch.randperm(total, generator=generator)[:kept]] = True
        return pattern.reshape(*grid).expand(steps, *grid)


class Stride(Mask):
    """Every s-th row and column, starting at the first."""

    stride = param.Integer(4, bounds=(1, MOST), doc="cells from one sensor to the next")

    def cells(self, steps: int, grid: Sequence[int], generator: torch.Generator) -> Tensor:
        if self.stride > max(grid):
            raise InputError(
                "mask stride", self.stride, f"must be at most {max(grid)}, the longer side of the "
                f"{grid[0]} x {grid[1]} grid", "Use full, or points:[(0,0)] for a single sensor.",
            )
        pattern = torch.zeros(*grid, dtype=torch.bool)
        pattern[:: self.stride, :: self.stride] = True
        return pattern.expand(steps, *grid)


class Gap(Mask):
    """Everything but a square block: clouds, land, a failed instrument. On a ring, an arc."""

    size = param.Number(0.5, bounds=(0.0, 1.0), doc="side of the gap as a share of the domain")
    y = param.Number(0.5, bounds=(0.0, 1.0), doc="centre of the gap, share of the domain")
    x = param.Number(0.5, bounds=(0.0, 1.0), doc="centre of the gap, share of the domain")

    def cells(self, steps: int, grid: Sequence[int], generator: torch.Generator) -> Tensor:
        if math.prod(grid) == 1:
            raise _unfit("gap", grid, "more than one cell")
        y, x = (
            (_distance(_centres(n), centre) < self.size / 2) | (n == 1)
            for n, centre in zip(grid, (self.y, self.x), strict=True)
        )
        return (~(y[:, None] & x)).expand(steps, *grid)


class Tracks(Mask):
    """Parallel slanted swaths, as a satellite draws them, shifted from one step to the next."""

    count = param.Integer(2, bounds=(1, 32), doc="swaths across the domain at one step")
    width = param.Number(
        0.06,
        bounds=(0.0, 1.0),
        inclusive_bounds=(False, True),
        doc="width of a swath as a share of the domain",
    )
    slant = param.Integer(1, bounds=(-4, 4), doc="domain widths crossed from south to north")
    drift = param.Number(0.19, bounds=(0.0, 1.0), doc="shift per step as a share of the spacing")

    def cells(self, steps: int, grid: Sequence[int], generator: torch.Generator) -> Tensor:
        if min(grid) == 1:
            raise _unfit("tracks", grid, "a grid of two dimensions")
        check_size("tracks", steps, grid)
        y, x = (_centres(n) for n in grid)
        start = torch.rand((), generator=generator)
        step = torch.arange(steps)[:, None, None]
        position = x - self.slant * y[:, None] - start - step * self.drift / self.count
        across = _distance(position * self.count % 1.0, 0.0) / self.count
        return across < self.width / 2


class Drifters(Mask):
    """Cells in which drifting instruments are: they wander about, each for itself.

    Their velocity is an autoregression, not that of the truth: in an incompressible flow drifters
    are as likely in one cell as in any other either way. Several may share a cell.
    """

    count = param.Integer(50, bounds=(1, SENSORS), doc="drifting instruments")
    speed = param.Number(
        0.3, bounds=(0.0, 100.0), doc="standard deviation of either component [cells per step]"
    )
    memory = param.Number(
        5.0, bounds=(0.0, 1e4), inclusive_bounds=(False, True),
        doc="steps in which a velocity is forgotten",
    )

    def cells(self, steps: int, grid: Sequence[int], generator: torch.Generator) -> Tensor:
        check_size("drifters", steps, grid)
        size = torch.tensor(grid, dtype=torch.float64)[:, None]
        place = size * torch.rand(2, self.count, generator=generator, dtype=torch.float64)
        normal = torch.randn(steps, 2, self.count, generator=generator, dtype=torch.float64)
        pattern, kept = torch.zeros(steps, *grid, dtype=torch.bool), math.exp(-1 / self.memory)
        velocity = self.speed * normal[0]
        for step in range(steps):
            row, column = place.remainder(size).long().minimum((size - 1).long())
            pattern[step, row, column] = True
            place = place + velocity
            velocity = kept * velocity + self.speed * math.sqrt(1 - kept**2) * normal[step]
        return pattern


class Sensors(param.List):
    """A list of sensors: rows and columns, whole numbers."""


@plain.register
def _(parameter: Sensors, value: Any) -> list[tuple[int, int]]:
    if not isinstance(value, list | tuple) or len(value) > SENSORS:
        raise ValueError
    return [_whole_pair(sensor) for sensor in value]


class Points(Mask):
    """A list of sensors, typed."""

    sensors = Sensors(
        [], bounds=(0, SENSORS), item_type=tuple, doc=f"(row, column) of every sensor, {SENSORS} "
        "at most",
    )
    may_be_empty = True

    def cells(self, steps: int, grid: Sequence[int], generator: torch.Generator) -> Tensor:
        pattern = torch.zeros(*grid, dtype=torch.bool)
        ny, nx = grid
        for row, column in self.sensors:
            if not (0 <= row < ny and 0 <= column < nx):
                raise InputError(
                    "sensor",
                    (row, column),
                    f"must lie on the {ny} x {nx} grid, rows 0 to {ny - 1}, columns 0 to {nx - 1}",
                    "Remove it or move it onto the map.",
                )
            pattern[row, column] = True
        return pattern.expand(steps, *grid)


def _whole_pair(sensor: Any) -> tuple[int, int]:
    found = [number(i) for i in sensor] if isinstance(sensor, tuple) else []
    if len(found) != 2 or not all(isinstance(i, int) and abs(i) <= MOST for i in found):
        raise InputError(
            "sensor", sensor, "must be a row and a column, two whole numbers", "Use (3, 5)."
        )
    return cast(tuple[int, int], tuple(found))


class Pattern(param.String):
    """Cells as a text, which may be empty."""


@plain.register
def _(parameter: Pattern, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    if value:
        form_of(value)
    return str(value)


class Painted(Mask):
    """Cells painted on the map, the same on every day or others on each."""

    pattern = Pattern(
        "", doc="the cells, DAYSxNYxNX.CODE as dalab.observations.cells writes them; empty: none"
    )
    may_be_empty = True

    def cells(self, steps: int, grid: Sequence[int], generator: torch.Generator) -> Tensor:
        return decode(self.pattern, steps, grid)


def _centres(n: int) -> Tensor:
    """Cell centres along a side of ``n`` cells, as shares of the side."""
    return (torch.arange(n) + 0.5) / n


def _unfit(name: str, grid: Sequence[int], needs: str) -> InputError:
    return InputError(f"mask {name}", tuple(grid), f"needs {needs}", "Use full, random or points.")


def _distance(a: Tensor, b: float) -> Tensor:
    """Distance on a circle of circumference one."""
    return 0.5 - torch.abs(torch.remainder(a - b, 1.0) - 0.5)


MASKS = Registry("mask", "masks", Mask, {
    "full": Full,
    "random": Random,
    "stride": Stride,
    "gap": Gap,
    "tracks": Tracks,
    "drifters": Drifters,
    "points": Points,
    "painted": Painted,
})
