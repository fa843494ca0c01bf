"""What the axes of the pictures mean, for flows, rings of sites and points, and in which words."""

from __future__ import annotations

from dataclasses import dataclass

from ...systems import System

DAY = 86400.0


@dataclass(frozen=True)
class Axis:
    """One axis.

    Args:
        start: where it begins.
        end: where it ends.
        ticks: the first, one in the middle, and the last.
        middle: the words at the middle tick, with the unit.
        name: what is along it.
    """

    start: float
    end: float
    ticks: tuple[float, float, float]
    middle: str
    name: str


@dataclass(frozen=True)
class Axes:
    """Both axes of a picture.

    Args:
        x: from left to right.
        y: from bottom to top.
        kind: ``map``, ``ring`` (sites over time) or ``point`` (curves over time).
    """

    x: Axis
    y: Axis
    kind: str


FLAT = Axes(
    Axis(0.0, 1000.0, (0.0, 500.0, 1000.0), "500 km", "x"),
    Axis(0.0, 1000.0, (0.0, 500.0, 1000.0), "500 km", "y"), "map",
)
"""The axes of a flow of 1000 km, and of a picture of nothing."""


def variables(system: System) -> tuple[str, ...]:
    """The names of the fields of a state: layers of a flow, variables of a Lorenz system."""
    if hasattr(system, "model"):
        return ("upper", "lower")
    return tuple("xyz"[: system.shape[0]])


def axes_of(system: System, window: int, limit: float) -> Axes:
    """The axes of the pictures of a system.

    Args:
        system: what evolves.
        window: steps of the window.
        limit: of the scale on which the picture is drawn.
    """
    if hasattr(system, "model"):
        side = system.model.L / 1000
        x, y = (Axis(0.0, side, (0.0, side / 2, side), f"{side / 2:.0f} km", n) for n in "xy")
        return Axes(x, y, "map")
    step = system.interval
    last = (window - 1) * step
    middle = (window - 1) // 2 * step
    if system.shape[-1] == 1:
        time = Axis(-step / 2, last + step / 2, (0.0, middle, last), f"time {middle:g}", "time")
        state = Axis(-limit, limit, (-limit, 0.0, limit), "0", "state")
        return Axes(time, state, "point")
    sites = system.shape[-1]
    site = Axis(0.5, sites + 0.5, (1.0, sites // 2, float(sites)), f"site {sites // 2}", "site")
    time = Axis(-step / 2, last + step / 2, (0.0, middle, last), f"t = {middle:g}", "time")
    return Axes(site, time, "ring")


def step_word(system: System) -> str:
    """What a step of the window is called."""
    return "day" if system.time_unit == "s" else "step"


def time_label(system: System) -> str:
    """The words along the axis of time, counted in steps."""
    if system.time_unit == "s" and system.interval == DAY:
        return "time (days)"
    unit = " s" if system.time_unit == "s" else ""
    return f"time (steps of {system.interval:g}{unit})"
