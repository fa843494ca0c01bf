"""States of a cycled run at the cycle shown and before it, as its plots take them."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...experiments.cycles.recorder import Snapshot
from ...systems import System
from .axes import Axes, Axis, axes_of
from .field_plot import STAGES, Channels, DisplayState, StateFields, quantity_of

FORECAST, LATENT = STAGES

TIMES, TRAIL = 64, 24
"""Cycles of a Hovmoeller diagram, and of a path on an attractor."""

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

    def shows(self, display: DisplayState) -> bool:
        """Return False if the view is of a stage that the method does not keep of this cycle."""
        return display.view != LATENT or LATENT in self.snapshots[-1].stages

    def members(self, display: DisplayState) -> np.ndarray:
        """Return the members of the view, normalised, ``(member, time, lev, y, x)``.

        They are analysed ones unless the view is of an earlier stage; NaN where there is none.
        """
        states = np.stack([members_of(snapshot, display) for snapshot in self.snapshots])
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


def members_of(snapshot: Snapshot, display: DisplayState) -> np.ndarray:
    """Return the members of a snapshot at the stage of the view, ``(member, lev, y, x)``."""
    if display.view == FORECAST:
        return snapshot.forecast.numpy()
    if display.view == LATENT:
        missing = torch.full_like(snapshot.analysis, torch.nan)
        return snapshot.stages.get(LATENT, missing).numpy()
    return snapshot.analysis.numpy()


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


def has_attractor(system: System) -> bool:
    """Return True for a system of a few variables, two of which span a plane."""
    return system.geometry == "point" and system.shape[0] > 1


def anomalies(system: System, display: DisplayState, states: np.ndarray) -> np.ndarray:
    """Return states as the selected quantity shows them, same shape."""
    return quantity_of(system, display)(system, states)


def shown_scale(system: System, display: DisplayState) -> np.ndarray:
    """Return the value shown of a normalised state of ones, a mean for each field, ``(lev,)``."""
    return anomalies(system, display, np.ones(system.shape)).mean((1, 2))
