"""Painting of the observing system: strokes on the map, and the mask that they leave.

Strokes are given in cells: (x, y) = (2.5, 0.5) is the middle of the third cell of the first row.
A grid of one row is painted on a plane of time and x, as it is shown; any other on one of y and x.
The mask that is chosen is the only thing that is kept: what was painted, linked, loaded or typed
is one and the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import param
import torch
from matplotlib.path import Path
from torch import Tensor

from ...errors import InputError
from ...observations import MASKS
from ...observations.cells import encode
from ...random import stream
from ...systems import SYSTEMS
from .controls import Controls

Point = tuple[float, float]
"""Column and row, in cells."""

UNDONE = 50
"""Strokes that can be undone."""


def brush(plane: Sequence[int], points: Sequence[Point], width: float) -> Tensor:
    """Return cells with centres within ``width / 2`` of a path, and those at its ends.

    Args:
        plane: rows and columns.
        points: corners of the path, at least one.
        width: width of the brush [cells].
    """
    y, x = np.indices(tuple(plane)) + 0.5
    near = np.full(tuple(plane), np.inf)
    path = np.asarray(points, dtype=float)
    for a, b in zip(path, path[1:] if len(path) > 1 else path, strict=False):
        near = np.minimum(near, _distance(x, y, a, b))
    hit = near <= width / 2
    for column, row in path[[0, -1]]:
        hit[_cell(row, plane[0]), _cell(column, plane[1])] = True
    return torch.from_numpy(hit)


def track(plane: Sequence[int], points: Sequence[Point], width: float) -> Tensor:
    """Return the straight swath from the first point to the last."""
    return brush(plane, [points[0], points[-1]], width)


def box(plane: Sequence[int], points: Sequence[Point], width: float = 0.0) -> Tensor:
    """Return the cells touched by a rectangle with the first and last point as corners."""
    hit = torch.zeros(tuple(plane), dtype=torch.bool)
    (x0, x1), (y0, y1) = (sorted((a, b)) for a, b in zip(points[0], points[-1], strict=True))
    rows = slice(_cell(y0, plane[0]), _cell(np.nextafter(y1, y0), plane[0]) + 1)
    hit[rows, _cell(x0, plane[1]) : _cell(np.nextafter(x1, x0), plane[1]) + 1] = True
    return hit


def lasso(plane: Sequence[int], points: Sequence[Point], width: float = 0.0) -> Tensor:
    """Return cells with centres inside a closed line, and the one in which it begins."""
    y, x = np.indices(tuple(plane)) + 0.5
    inside = Path(points).contains_points(np.column_stack([x.ravel(), y.ravel()]))
    hit = torch.from_numpy(inside.reshape(tuple(plane)))
    hit[_cell(points[0][1], plane[0]), _cell(points[0][0], plane[1])] = True
    return hit


TOOLS = {"brush": brush, "track": track, "box": box, "lasso": lasso}
"""Functions from the path of a drag to cells, by the name of the tool."""


class Painting:
    """The cells of the chosen mask, and the changes that strokes make to them.

    Args:
        controls: choices, whose mask is painted.
    """

    def __init__(self, controls: Controls) -> None:
        self.controls = controls
        self._past: list[tuple[str, str]] = []

    # --- what there is --------------------------------------------------------------------------

    @property
    def grid(self) -> tuple[int, int]:
        """Cells along y and x."""
        ny, nx = SYSTEMS.make(self.controls.system).shape[-2:]
        return ny, nx

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns of the painted plane: steps and x for a grid of one row."""
        ny, nx = self.grid
        return (self.controls.window if ny == 1 else ny), nx

    @property
    def cells(self) -> Tensor:
        """Observed cells of the chosen mask, boolean ``(steps, ny, nx)``, whatever the interval.

        All false if the mask does not fit the grid.
        """
        return self._seen(self.controls.common_mask, 0)

    def seen_by(self, number: int) -> Tensor:
        """Return the cells that an operator observes, which may have a mask of its own."""
        masks = self.controls.masks
        return self._seen(masks[min(number, len(masks) - 1)], number)

    def _seen(self, mask: str, number: int) -> Tensor:
        controls = self.controls
        try:
            drawn = stream(controls.seed, "mask", number)
            return MASKS.make(mask).cells(controls.window, self.grid, drawn)
        except InputError:
            return torch.zeros(controls.window, *self.grid, dtype=torch.bool)

    def shown(self, day: int) -> Tensor:
        """Return the observed cells of the plane, boolean: of step ``day``, or of all in a row."""
        return self.cells[:, 0] if self.grid[0] == 1 else self.cells[day]

    @property
    def undoable(self) -> bool:
        """True if there is a stroke to undo."""
        return bool(self._past)

    # --- changes --------------------------------------------------------------------------------

    def paint(
        self, region: Tensor, on: bool = True, day: int | None = None, drift: int = 0
    ) -> None:
        """Add the cells of a region of the plane, or erase them.

        Args:
            region: boolean, shaped like :attr:`plane`.
            on: whether to add.
            day: the only step that is painted; every step, if ``None``. In a row of sites, whose
                plane has all steps, any number means the painted ones alone.
            drift: columns to the east that the region moves from one step to the next.
        """
        everywhere = self._spread(region, day, drift)
        self._set(self.cells | everywhere if on else self.cells & ~everywhere)

    def add(self, places: Sequence[tuple[int, int]], day: int | None = None) -> None:
        """Add the cells (row, column) of the grid, on one step or on all."""
        cells = self.cells.clone()  # those of all steps may share their memory
        for row, column in places:
            cells[slice(None) if day is None else day, row, column] = True
        self._set(cells)

    def clear(self) -> None:
        """Remove all sensors."""
        self._set(torch.zeros_like(self.cells))

    def invert(self) -> None:
        """Observe the cells that were not observed, and no others."""
        self._set(~self.cells)

    def take(self) -> None:
        """Turn the chosen mask, of whatever kind, into a painted one."""
        self._set(self.cells)

    def undo(self) -> None:
        """Take back the last change."""
        if self._past:
            self._choose(*self._past.pop())

    def _spread(self, region: Tensor, day: int | None, drift: int) -> Tensor:
        steps = range(self.controls.window)
        if self.grid[0] == 1:
            rows = region if day is not None else region.any(0).expand_as(region)
            return rows[:, None]
        moved = [torch.roll(region, drift * step, dims=1) for step in steps]
        seen = [region if step == day else torch.zeros_like(region) for step in steps]
        return torch.stack(moved if day is None else seen)

    def _set(self, cells: Tensor) -> None:
        options = self.controls.mask_options["painted"]
        self._past = [*self._past[1 - UNDONE :], (self.controls.mask, options.pattern)]
        self._choose("painted", encode(cells))

    def _choose(self, mask: str, pattern: str) -> None:
        self.controls.mask_options["painted"].pattern = pattern
        self.controls.mask = mask


def _cell(place: float, count: int) -> int:
    """Return the cell of a row of ``count`` that contains a position, or the nearest."""
    return int(min(max(place, 0), count - 1))


def _distance(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the distance of points from the segment from ``a`` to ``b``."""
    along = b - a
    length = float(along @ along)
    t = ((x - a[0]) * along[0] + (y - a[1]) * along[1]) / length if length else 0.0
    t = np.clip(t, 0.0, 1.0)
    return np.hypot(x - a[0] - t * along[0], y - a[1] - t * along[1])


TRUTH, VALUE = "truth", "value of a sensor"
ADD, ERASE = "add", "erase"
ALWAYS, ONCE = "always", "only at this time"


class SensorEditor(param.Parameterized):
    """State of the sensor editor: tool, brush width, background field; not of the experiment."""

    tool = param.Selector(objects=list(TOOLS), label="Tool")
    effect = param.Selector(objects=[ADD, ERASE], label="Drag to")
    width = param.Number(2.0, bounds=(0.5, 12.0), step=0.5, label="Brush and track width (cells)")
    when = param.Selector(objects=[ALWAYS, ONCE], label="Sensors look")
    drift = param.Integer(0, bounds=(-64, 64), label="Track drift (cells)")

    west = param.Number(0.0, label="x from")
    east = param.Number(0.0, label="x to")
    south = param.Number(0.0, label="y from")
    north = param.Number(0.0, label="y to")

    backdrop = param.Selector(objects=[TRUTH, VALUE], label="Map", check_on_set=False)
    method = param.Selector(objects=[""], label="Posterior of", check_on_set=False)
    sensor = param.Selector(objects=[""], label="Sensor", check_on_set=False)
    radius = param.Number(4.0, bounds=(0.0, 16.0), step=0.5, label="Localisation (cells)")

    @property
    def erases(self) -> bool:
        """True if a drag removes sensors."""
        return self.effect == ERASE
