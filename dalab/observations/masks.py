"""Where a network looks: which grid cells are observed at each step of a window."""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ..errors import InputError


class Mask(param.Parameterized):
    """A pattern of observed cells."""

    def cells(self, steps: int, n: int, generator: torch.Generator) -> Tensor:
        """Observed cells, boolean ``(steps, n, n)`` in the order time, y, x.

        Args:
            steps: steps in the window.
            n: cells along each side of the grid.
            generator: source of randomness, if the pattern is random.
        """
        raise NotImplementedError


class Full(Mask):
    """Every cell at every observed step."""

    def cells(self, steps: int, n: int, generator: torch.Generator) -> Tensor:
        return torch.ones(steps, n, n, dtype=torch.bool)


class Random(Mask):
    """A fixed number of cells drawn without replacement, the same at every step."""

    ratio = param.Number(
        0.25, bounds=(0.0, 1.0), inclusive_bounds=(False, True), doc="share of observed cells"
    )

    def cells(self, steps: int, n: int, generator: torch.Generator) -> Tensor:
        kept = torch.randperm(n * n, generator=generator)[: int(self.ratio * n * n)]
        pattern = torch.zeros(n * n, dtype=torch.bool)
        pattern[kept] = True
        return pattern.reshape(n, n).expand(steps, n, n).clone()


class Stride(Mask):
    """Every s-th row and column, starting at the first."""

    stride = param.Integer(4, bounds=(1, None), doc="cells from one sensor to the next")

    def cells(self, steps: int, n: int, generator: torch.Generator) -> Tensor:
        pattern = torch.zeros(steps, n, n, dtype=torch.bool)
        pattern[:, :: self.stride, :: self.stride] = True
        return pattern


class Gap(Mask):
    """Everything but a square block: clouds, land, a failed instrument."""

    size = param.Number(0.5, bounds=(0.0, 1.0), doc="side of the gap as a share of the domain")
    y = param.Number(0.5, bounds=(0.0, 1.0), doc="centre of the gap, share of the domain")
    x = param.Number(0.5, bounds=(0.0, 1.0), doc="centre of the gap, share of the domain")

    def cells(self, steps: int, n: int, generator: torch.Generator) -> Tensor:
        centres = (torch.arange(n) + 0.5) / n
        inside = [_distance(centres, c) < self.size / 2 for c in (self.y, self.x)]
        return ~(inside[0][:, None] & inside[1]).expand(steps, n, n)


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

    def cells(self, steps: int, n: int, generator: torch.Generator) -> Tensor:
        centres = (torch.arange(n) + 0.5) / n
        start = torch.rand((), generator=generator)
        step = torch.arange(steps)[:, None, None]
        position = centres - self.slant * centres[:, None] - start - step * self.drift / self.count
        across = _distance(position * self.count % 1.0, 0.0) / self.count
        return across < self.width / 2


class Points(Mask):
    """An explicit list of sensors, painted or typed."""

    sensors = param.List([], item_type=tuple, doc="(row, column) of every sensor")

    def cells(self, steps: int, n: int, generator: torch.Generator) -> Tensor:
        pattern = torch.zeros(steps, n, n, dtype=torch.bool)
        for row, column in self.sensors:
            if not (0 <= row < n and 0 <= column < n):
                raise InputError(
                    "sensor",
                    (row, column),
                    f"must lie on the {n} x {n} grid, rows and columns 0 to {n - 1}",
                    "Remove it or move it onto the map.",
                )
            pattern[:, row, column] = True
        return pattern


def _distance(a: Tensor, b: float) -> Tensor:
    """Distance on a circle of circumference one."""
    return 0.5 - torch.abs(torch.remainder(a - b, 1.0) - 0.5)


MASKS: dict[str, type[Mask]] = {
    "full": Full,
    "random": Random,
    "stride": Stride,
    "gap": Gap,
    "tracks": Tracks,
    "points": Points,
}
