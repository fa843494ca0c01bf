"""Plots of fields as data: from normalised windows to the maps that both interfaces draw.

A :class:`FieldPlot` is one map: values on the grid, a colour scale that stays fixed during a run,
and its labels. It does not depend on a drawing toolkit. A grid of one row, such as a ring of sites,
is shown at all times at once, with time along y (a Hovmoeller diagram). A grid of one cell is shown
as curves over time.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...experiments.twin import Twin
from ...observations import ObservingNetwork
from ...systems import System
from ...systems.quantities import Quantity
from .axes import FLAT, Axes, axes_of

VIEWS = ("mean", "sample", "spread", "error")
"""Views of an estimate."""

STAGES = ("forecast", "latent")
"""Further views in cycles: the member of the view ``sample`` before the analysis, and on its way
through it."""

SINGLE = ("sample", *STAGES)
"""Views of a single member."""

DENSITIES = ("density", "log density")
"""Further views of a system of a few variables in cycles, on a linear and a logarithmic scale."""


@dataclass(frozen=True)
class FieldPlot:
    """Specification of one map.

    Args:
        title: title of the map.
        note: subtitle.
        values: ``(y, x)``, NaN where there are no data; ``None`` before there are any.
        limit: the scale runs from ``-limit`` to ``limit``, or from 0 if it is sequential.
        kind: ``diverging`` or ``sequential``.
        units: units of the values.
        axes: the x and y axes.
        curves: curves of a single cell, the main one first: over time, ``(time,)`` each, or paths
            on an attractor, ``(2, time)``.
        truth: the true curve drawn behind them, if any.
        cloud: points on an attractor, ``(2, n)``.
        area: curve of a density under which the plot is filled, ``(2, n)``.
        dashed: another curve of a density, ``(2, n)``.
        stages: densities of the forecast and of the latent, ``(2, n)`` each.
        dimmed: True for an estimate that is not of the choices.
    """

    title: str
    note: str = ""
    values: np.ndarray | None = None
    limit: float = 1.0
    kind: str = "diverging"
    units: str = ""
    axes: Axes = FLAT
    curves: tuple[np.ndarray, ...] = ()
    truth: np.ndarray | None = None
    cloud: np.ndarray | None = None
    area: np.ndarray | None = None
    dashed: np.ndarray | None = None
    stages: tuple[np.ndarray, ...] = ()
    dimmed: bool = False


@dataclass(frozen=True)
class DisplayState:
    """Selection of what the plots show.

    Args:
        time: step of the window, from 0.
        layer: counted from 0.
        quantity: one of the quantities of the system.
        view: of the estimates, one of ``VIEWS``, ``STAGES`` or ``DENSITIES``.
        member: for the views of a ``SINGLE`` member, from 1.
        observed: instrument and channels, a text of :func:`observables`.
    """

    time: int = 0
    layer: int = 0
    quantity: str = "relative vorticity"
    view: str = "mean"
    member: int = 1
    observed: str = ""


def views_of(system: System, cycled: bool) -> tuple[str, ...]:
    """Return the views that a system has, in cycles or in a window."""
    if not cycled:
        return VIEWS
    return (*VIEWS, *STAGES, *(DENSITIES if system.geometry == "point" else ()))


def quantity_of(system: System, display: DisplayState) -> Quantity:
    """Return the selected field, or the first one if the system lacks it."""
    known = system.quantities
    return known.get(display.quantity, next(iter(known.values())))


def round_up(value: float) -> float:
    """Round up to 1, 1.5, 2, 3, 4, 5, 6, 8 or 10 times a power of ten."""
    if not (value > 0 and math.isfinite(value)):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if step * power >= value * (1 - 1e-9))


Channels = Sequence[tuple[str, Sequence[str]]]
"""Texts of the operators, and the names of the channels of each."""


class StateFields(ABC):
    """True states and observations at some times, ready to draw.

    Args:
        system: the system.
        text: its text in a config.
        channels: operators and channels that are observed.
    """

    def __init__(self, system: System, text: str, channels: Channels) -> None:
        self.system, self.text, self.channels = system, text, channels

    @abstractmethod
    def truth(self, display: DisplayState) -> np.ndarray:
        """Return the true field of the layer at every time, ``(time, y, x)``."""

    @abstractmethod
    def observed(self, number: int) -> np.ndarray:
        """Return the fields of an instrument, ``(time, channel, y, x)``, NaN where unobserved."""

    @abstractmethod
    def axes(self, limit: float) -> Axes:
        """Return the axes of a plot whose scale has this limit."""

    def layer(self, display: DisplayState) -> int:
        """Return the selected layer, or the last one if there are fewer."""
        return min(display.layer, self.system.shape[0] - 1)

    def position(self, display: DisplayState) -> int:
        """Return the index of the time shown."""
        return display.time

    def steps(self, display: DisplayState) -> slice:
        """Return the times shown: one, or all for a grid of one row."""
        at = self.position(display)
        return slice(at, at + 1) if self.system.geometry == "plane" else slice(None)

    def scale(self, display: DisplayState) -> tuple[float, float]:
        """Return the limits of fields and errors: 3 and 1 standard deviations of the truth."""
        std = self.std(display)
        return round_up(3 * std), round_up(std)

    def std(self, display: DisplayState) -> float:
        """Return the standard deviation of the true field of the layer."""
        return float(self.truth(display).std())

    def point(self, fields: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return fields ``(..., time, y, x)`` of a single cell as curves; none for other grids."""
        point = self.system.geometry == "point"
        return tuple(fields.reshape(-1, fields.shape[-3])) if point else ()

    def words(self, display: DisplayState) -> str:
        """Describe the quantity shown."""
        variable = self.system.variables[self.layer(display)]
        return quantity_of(self.system, display).label.format(variable=variable)

    @property
    def observables(self) -> list[str]:
        """Observed channels, one text per operator and kind of channel: ``velocity u``."""
        return [name if name == group else f"{name} {group}" for name, _, group in self.groups]

    @property
    def groups(self) -> list[tuple[str, int, str]]:
        """Operator names, instrument numbers and channel names without their layers."""
        found = []
        for number, (text, names) in enumerate(self.channels):
            groups = dict.fromkeys(name.rstrip("0123456789") for name in names)
            found += [(text.partition(":")[0], number, group) for group in groups]
        return found


def channels_of(operators: Sequence[str], network: ObservingNetwork) -> Channels:
    """Return the channels that a network observes with operators of these texts."""
    names = (tuple(instrument.operator.channels) for instrument in network.instruments)
    return tuple(zip(operators, names, strict=True))


class TwinFields(StateFields):
    """Fields of a truth and its observations; expensive fields are cached.

    Args:
        twin: the truth and the problem made from it.
    """

    def __init__(self, twin: Twin) -> None:
        config = twin.config
        channels = channels_of(config.operators, twin.problem.network)
        super().__init__(twin.system, config.system, channels)
        self.twin = twin
        self._truths: dict[str, np.ndarray] = {}

    def truth(self, display: DisplayState) -> np.ndarray:
        if display.quantity not in self._truths:
            quantity = quantity_of(self.system, display)
            self._truths[display.quantity] = quantity(self.system, self.twin.truth.numpy())
        return self._truths[display.quantity][:, self.layer(display)]

    def observed(self, number: int) -> np.ndarray:
        problem = self.twin.problem
        instrument = problem.network.instruments[number]
        values = instrument.put(problem.network.split(problem.data.cpu())[number]).numpy()
        return np.where(instrument.mask.numpy()[:, None], values, np.nan)

    def axes(self, limit: float) -> Axes:
        return axes_of(self.system, self.twin.config.window, limit)


def _drop_row(fields: np.ndarray) -> np.ndarray:
    """Drop the singleton axis of ``(..., time, y, x)`` fields cut by :meth:`StateFields.steps`."""
    return fields[..., 0, :] if fields.shape[-2] == 1 else fields[..., 0, :, :]


def truth_plot(fields: StateFields, display: DisplayState) -> FieldPlot:
    """Plot the true field."""
    quantity, limit = quantity_of(fields.system, display), fields.scale(display)[0]
    truth = fields.truth(display)
    return FieldPlot(
        "Truth", fields.words(display), _drop_row(truth[fields.steps(display)]), limit,
        units=quantity.units, axes=fields.axes(limit), curves=fields.point(truth),
    )


def estimate_plot(
    title: str, note: str, estimate: Tensor, fields: StateFields, display: DisplayState
) -> FieldPlot:
    """Plot the selected view of an estimate, normalised ``(members, time, lev, y, x)``."""
    system = fields.system
    steps, layer = fields.steps(display), fields.layer(display)
    quantity = quantity_of(system, display)
    small = display.view in ("spread", "error")
    limit, states = fields.scale(display)[small], estimate[:, steps].numpy()
    shown, truth = quantity(system, _members(display, states))[:, :, layer], fields.truth(display)
    values = _reduce(display.view, _drop_row(shown), _drop_row(truth[steps]))
    main = fields.point(values[:, None])
    ensemble: tuple[np.ndarray, ...] = ()
    if main and not small:
        ensemble = fields.point(quantity(system, states)[:, :, layer])
    return FieldPlot(
        title, note, values, limit, "sequential" if display.view == "spread" else "diverging",
        quantity.units, fields.axes(limit), main + ensemble,
        truth[:, 0, 0] if ensemble else None,
    )


def _members(display: DisplayState, states: np.ndarray) -> np.ndarray:
    """Select the states of a view, ``(1 or members, time, lev, y, x)``; fields are linear."""
    if display.view == "spread":
        return states
    if display.view in SINGLE:
        number = min(display.member, len(states))
        return states[number - 1 : number]
    return states.mean(axis=0, keepdims=True)


def _reduce(view: str, fields: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Reduce fields to the selected view, ``(1 or members, y, x) -> (y, x)``."""
    if view == "spread":
        return fields.std(axis=0, ddof=1) if len(fields) > 1 else np.zeros_like(fields[0])
    return fields[0] - truth if view == "error" else fields[0]


def observation_plot(fields: StateFields, display: DisplayState) -> FieldPlot:
    """Plot the observations of an instrument at the selected time, NaN where there are none."""
    names = fields.observables
    wanted = display.observed if display.observed in names else names[0]
    name, number, group = fields.groups[names.index(wanted)]
    channels = fields.channels[number][1]
    channel = _channel(channels, group, display.layer)
    seen = fields.observed(number)[:, channel]
    known = np.abs(seen[np.isfinite(seen)])
    limit = round_up(float(np.quantile(known, 0.995))) if len(known) else 1.0
    cells = int(np.isfinite(seen[fields.position(display)]).sum())
    note = f"{channels[channel]} · {cells} cell{'s' * (cells > 1)}" if cells else "none now"
    curves = fields.point(seen)
    if curves:  # the axis at the left is that of the truth
        note = f"{channels[channel]} · from −{limit:g} to {limit:g}"
    return FieldPlot(
        f"Observed: {name}", note, _drop_row(seen[fields.steps(display)]), limit,
        axes=fields.axes(limit), curves=curves,
    )


def _channel(channels: Sequence[str], group: str, layer: int) -> int:
    """Return the index of a group's channel in a layer, or of its first channel."""
    wanted = f"{group}{layer + 1}"
    if wanted in channels:
        return channels.index(wanted)
    return next(i for i, name in enumerate(channels) if name.rstrip("0123456789") == group)
