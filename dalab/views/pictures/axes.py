"""Axes of the plots of planes, rings of sites and points, with their labels."""

from __future__ import annotations

from dataclasses import dataclass

from ...systems import System


@dataclass(frozen=True)
class Axis:
    """One axis.

    Args:
        start: where it begins.
        end: where it ends.
        ticks: the first, one in the middle, and the last.
        middle: label of the middle tick, with the unit.
        name: name of the axis.
        ends: labels of the first and the last tick; their numbers if they are empty.
    """

    start: float
    end: float
    ticks: tuple[float, float, float]
    middle: str
    name: str
    ends: tuple[str, str] = ("", "")

    @property
    def labels(self) -> dict[float, str]:
        """Labels of the ticks that are not their numbers."""
        first, middle, last = self.ticks
        known = {first: self.ends[0], middle: self.middle, last: self.ends[1]}
        return {tick: label for tick, label in known.items() if label}


@dataclass(frozen=True)
class Axes:
    """Both axes of a plot.

    Args:
        x: from left to right.
        y: from bottom to top.
        kind: geometry of the system: ``plane``, ``ring`` (sites over time) or ``point`` (curves
            over time); ``attractor`` or ``density`` for other plots of a system of one cell.
    """

    x: Axis
    y: Axis
    kind: str


FLAT = Axes(
    Axis(0.0, 1000.0, (0.0, 500.0, 1000.0), "500 km", "x"),
    Axis(0.0, 1000.0, (0.0, 500.0, 1000.0), "500 km", "y"), "plane",
)
"""Axes of a flow of 1000 km, and of empty plots."""


def axes_of(system: System, window: int, limit: float) -> Axes:
    """Make the axes of the plots of a system.

    Args:
        system: the system.
        window: steps of the window.
        limit: limit of the colour scale, which bounds the y axis of curves.
    """
    return {"plane": _plane, "ring": _ring, "point": _point}[system.geometry](
        system, window, limit
    )


def map_extent(
    system: System, cells: tuple[int, int]
) -> tuple[tuple[float, float], tuple[str, str]]:
    """Return the extent of the map on which cells are selected, and its axis labels.

    Args:
        system: what evolves.
        cells: rows and columns of the map; a grid of one row has a row for every step.
    """
    unit, length = system.displayed_length
    if system.geometry != "plane":
        return (float(cells[0]), float(cells[1])), ("time (step)", "site")
    if unit == "1":
        return (float(cells[0]), float(cells[1])), ("row", "column")
    y, x = (side / length for side in system.sides)
    return (y, x), (f"y ({unit})", f"x ({unit})")


def _plane(system: System, window: int, limit: float) -> Axes:
    unit, length = system.displayed_length
    if unit == "1":
        rows, columns = system.shape[-2:]
        return Axes(_cells(columns, "column"), _cells(rows, "row"), "plane")
    y, x = (_distance(side / length, unit, n) for side, n in zip(system.sides, "yx", strict=True))
    return Axes(x, y, "plane")


def _ring(system: System, window: int, limit: float) -> Axes:
    return Axes(_cells(system.shape[-1], "site"), _time(system, window, "t ="), "ring")


def _point(system: System, window: int, limit: float) -> Axes:
    state = Axis(-limit, limit, (-limit, 0.0, limit), "0", "state")
    return Axes(_time(system, window, "time"), state, "point")


def _distance(side: float, unit: str, name: str) -> Axis:
    return Axis(0.0, side, (0.0, side / 2, side), f"{side / 2:.6g} {unit}", name)


def _cells(count: int, name: str) -> Axis:
    return Axis(0.5, count + 0.5, (1.0, count // 2, float(count)), f"{name} {count // 2}", name)


def _time(system: System, window: int, word: str) -> Axis:
    step = system.interval
    last, middle = (window - 1) * step, (window - 1) // 2 * step
    return Axis(-step / 2, last + step / 2, (0.0, middle, last), f"{word} {middle:g}", "time")
