"""Plots of the states of a cycled run: maps, Hovmoeller diagrams and attractors.

A flow is shown as it is at one cycle. A ring is shown over the last cycles, the newest at the top.
A system of a few variables is shown as a path on its attractor, with the members at its end.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...experiments.cycles.recorder import Snapshot
from ...systems import System
from ...systems.time_stepped import TimeStepped
from .axes import Axes, Axis, axes_of
from .field_plot import (
    Channels,
    DisplayState,
    FieldPlot,
    StateFields,
    estimate_plot,
    quantity_of,
    round_up,
    truth_plot,
)

TIMES, TRAIL = 64, 24
"""Cycles of a Hovmoeller diagram, and of a path on an attractor."""

POINTS = 25
"""Largest number of points of a path from one cycle to the next."""

Stds = MutableMapping[tuple[str, int], float]
"""Standard deviations of true fields by quantity and layer; scales stay as they are in a run."""


@dataclass(frozen=True)
class CycledSystem:
    """Parts of a cycled run that its plots need besides states.

    Args:
        system: the forecast model.
        text: its text in a config.
        channels: operators and channels that are observed.
        intervals: intervals of the system from one cycle to the next.
        stds: standard deviations of the true fields shown so far.
    """

    system: System
    text: str
    channels: Channels
    intervals: int
    stds: Stds


class CycledFields(StateFields):
    """States of a run at a cycle and, unless it is a flow, at those before it.

    Args:
        about: the run.
        snapshots: states, the newest last; at least one.
    """

    def __init__(self, about: CycledSystem, snapshots: Sequence[Snapshot]) -> None:
        super().__init__(about.system, about.text, about.channels)
        self.about = about
        self.snapshots = list(snapshots)[-times_of(about.system) :]
        self._truths: dict[str, np.ndarray] = {}

    def position(self, display: DisplayState) -> int:
        return times_of(self.system) - 1

    @property
    def period(self) -> str:
        """Number of the cycle shown, or of the first and the last one."""
        path = has_attractor(self.system)
        first, last = self.snapshots[-TRAIL if path else 0 :][0].cycle, self.snapshots[-1].cycle
        return f"cycle {last}" if first == last else f"cycles {first} to {last}"

    def padded(self, values: np.ndarray) -> np.ndarray:
        """Return values ``(time, ...)`` with NaN before the first cycle."""
        missing = times_of(self.system) - len(values)
        return np.concatenate([np.full((missing, *values.shape[1:]), np.nan), values])

    def truths(self) -> np.ndarray:
        """Return the true states, normalised, ``(time, lev, y, x)``."""
        return np.stack([snapshot.truth.numpy() for snapshot in self.snapshots])

    def truth(self, display: DisplayState) -> np.ndarray:
        if display.quantity not in self._truths:
            fields = quantity_of(self.system, display)(self.system, self.truths())
            self._truths[display.quantity] = self.padded(fields)
        return self._truths[display.quantity][:, self.layer(display)]

    def observed(self, number: int) -> np.ndarray:
        shape = len(self.channels[number][1]), *self.system.shape[-2:]
        nothing = np.full(shape, np.nan)
        fields = [s.observed[number].numpy() if s.observed else nothing for s in self.snapshots]
        return self.padded(np.stack(fields))

    def analyses(self) -> np.ndarray:
        """Return the analysed members, normalised, ``(member, time, lev, y, x)``."""
        states = np.stack([snapshot.analysis.numpy() for snapshot in self.snapshots])
        return self.padded(states).swapaxes(0, 1)

    def std(self, display: DisplayState) -> float:
        key = quantity_of(self.system, display).label, self.layer(display)
        if key not in self.about.stds:
            self.about.stds[key] = self._std(display)
        return self.about.stds[key]

    def _std(self, display: DisplayState) -> float:
        """Return the deviation in space of a flow, or that of the climate of another system."""
        if self.system.geometry == "plane":
            return float(np.nanstd(self.truth(display)))
        return float(shown_scale(self.system, display)[self.layer(display)])

    def axes(self, limit: float) -> Axes:
        return cycled_axes(self.system, limit)


def times_of(system: System) -> int:
    """Return the number of cycles that a plot shows."""
    return 1 if system.geometry == "plane" else TIMES


def cycled_axes(system: System, limit: float) -> Axes:
    """Make the axes of the plots of a system; times are counted back from the cycle shown."""
    axes = axes_of(system, TIMES, limit)
    half = TIMES // 2
    back = Axis(0.5 - TIMES, 0.5, (1.0 - TIMES, float(-half), 0.0), f"−{half}", "cycles back")
    if axes.kind == "plane":
        return axes
    return replace(axes, y=back) if axes.kind == "ring" else replace(axes, x=back)


def cycled_truth_plot(fields: CycledFields, display: DisplayState) -> FieldPlot:
    """Plot the truth, with the number of its cycle."""
    note = f"{fields.words(display)} · {fields.period}"
    if not has_attractor(fields.system):
        return replace(truth_plot(fields, display), note=note)
    path = _path(fields, display, fields.truths())
    across, up = (fields.system.variables[layer] for layer in _pair(fields, display))
    note = f"{up} against {across} · {fields.period}"
    return _attractor(fields, display, "Truth", note, path, cloud=path[:, -1:])


def cycled_estimate_plot(
    title: str, note: str, fields: CycledFields, display: DisplayState
) -> FieldPlot:
    """Plot the selected view of the analyses of a method."""
    if not has_attractor(fields.system) or display.view in ("spread", "error"):
        states = torch.from_numpy(fields.analyses())
        return estimate_plot(title, note, states, fields, display)
    members = np.stack([snapshot.analysis.numpy() for snapshot in fields.snapshots[-TRAIL:]])
    number = min(display.member, members.shape[1])
    sampled = display.view == "sample"
    main = members[:, number - 1] if sampled else members.mean(1, dtype=np.float64)
    plot = _attractor(
        fields, display, title, note, _path(fields, display, main),
        cloud=_plane(fields, display, members[-1]),
    )
    return replace(plot, truth=_path(fields, display, fields.truths()))


# --- attractors -----------------------------------------------------------------------------------


def has_attractor(system: System) -> bool:
    """Return True for a system of a few variables, two of which span a plane."""
    return system.geometry == "point" and system.shape[0] > 1


def _pair(fields: CycledFields, display: DisplayState) -> tuple[int, int]:
    """Return the variables along x and y: the selected one, and the last or the first."""
    chosen, last = fields.layer(display), fields.system.shape[0] - 1
    return (chosen, last) if chosen < last else (last, 0)


def _anomalies(system: System, display: DisplayState, states: np.ndarray) -> np.ndarray:
    return quantity_of(system, display)(system, states)


def shown_scale(system: System, display: DisplayState) -> np.ndarray:
    """Return the value shown of a normalised state of ones, a mean for each field, ``(lev,)``."""
    return _anomalies(system, display, np.ones(system.shape)).mean((1, 2))


def _plane(fields: CycledFields, display: DisplayState, states: np.ndarray) -> np.ndarray:
    """Return states ``(n, lev, 1, 1)`` as points of the plane, ``(2, n)``."""
    shown = _anomalies(fields.system, display, states)
    return shown[:, list(_pair(fields, display)), 0, 0].T


def _path(fields: CycledFields, display: DisplayState, states: np.ndarray) -> np.ndarray:
    """Return the path through the last states, which the model follows from each to the next."""
    smooth = smooth_path(fields.system, states[-TRAIL:], fields.about.intervals)
    return _plane(fields, display, smooth)


def smooth_path(system: System, states: np.ndarray, intervals: int) -> np.ndarray:
    """Return the states ``(time, lev, y, x)`` with those that the model has between them.

    Between two cycles the model runs from the first state, without noise; a jump at the second one
    is the work of the analysis, or of a model error. States of a system that has no time steps of
    its own are joined as they are.
    """
    if not isinstance(system, TimeStepped) or len(states) < 2:
        return states
    total = intervals * system.steps_per_interval
    stride = next(n for n in range(1, total + 1) if total % n == 0 and total // n <= POINTS)
    finer = replace(system, interval=stride * system.dt)
    with torch.no_grad():
        runs = finer.trajectory(torch.from_numpy(states[:-1]), total // stride + 1).numpy()
    return np.concatenate([runs.reshape(-1, *states.shape[1:]), states[-1:]])


def _attractor(
    fields: CycledFields, display: DisplayState, title: str, note: str, path: np.ndarray,
    cloud: np.ndarray,
) -> FieldPlot:
    """Make the plot of a path, ``(2, time)``, and of points at its end, ``(2, n)``."""
    pair = _pair(fields, display)
    limits = [round_up(3 * fields.std(replace(display, layer=layer))) for layer in pair]
    x, y = (
        Axis(-limit, limit, (-limit, 0.0, limit), "0", fields.system.variables[layer])
        for limit, layer in zip(limits, pair, strict=True)
    )
    return FieldPlot(
        title, note, np.concatenate([path, cloud], 1), limits[0], axes=Axes(x, y, "attractor"),
        curves=(path,), cloud=cloud,
    )
