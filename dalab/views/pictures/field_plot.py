"""Plots of fields as data: from normalised windows to the maps that both interfaces draw.

A :class:`FieldPlot` is one map: values on the grid, a colour scale that stays fixed during a run,
and its labels. It does not depend on a drawing toolkit. A grid of one row, such as a ring of sites,
is shown at all times at once, with time along y (a Hovmoeller diagram). A grid of one cell is shown
as curves over time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...experiments.twin import Twin
from ...systems import System
from ...systems.quantities import Quantity
from .axes import FLAT, Axes, axes_of

VIEWS = ("mean", "sample", "spread", "error")
"""Views of an estimate."""


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
        curves: curves of a single cell over time, ``(time,)`` each, the main one first.
        truth: the true curve drawn behind them, if any.
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


@dataclass(frozen=True)
class DisplayState:
    """Selection of what the plots show.

    Args:
        time: step of the window, from 0.
        layer: counted from 0.
        quantity: one of the quantities of the system.
        view: of the estimates, one of ``VIEWS``.
        member: for the view ``sample``, from 1.
        observed: instrument and channels, a text of :func:`observables`.
    """

    time: int = 0
    layer: int = 0
    quantity: str = "relative vorticity"
    view: str = "mean"
    member: int = 1
    observed: str = ""


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


class TwinFields:
    """Fields of a truth and its observations, ready to draw; expensive fields are cached.

    Args:
        twin: the truth and the problem made from it.
    """

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self._truths: dict[str, np.ndarray] = {}

    def layer(self, display: DisplayState) -> int:
        """Return the selected layer, or the last one if there are fewer."""
        return min(display.layer, self.twin.system.shape[0] - 1)

    def steps(self, display: DisplayState) -> slice:
        """Return the steps shown: one, or all for a grid of one row."""
        plane = self.twin.system.geometry == "plane"
        return slice(display.time, display.time + 1) if plane else slice(None)

    def truth(self, display: DisplayState) -> np.ndarray:
        """Return the true field of the layer at every step, ``(time, y, x)``."""
        if display.quantity not in self._truths:
            quantity = quantity_of(self.twin.system, display)
            self._truths[display.quantity] = quantity(self.twin.system, self.twin.truth.numpy())
        return self._truths[display.quantity][:, self.layer(display)]

    def scale(self, display: DisplayState) -> tuple[float, float]:
        """Return the limits of fields and errors: 3 and 1 standard deviations of the truth."""
        std = float(self.truth(display).std())
        return round_up(3 * std), round_up(std)

    def axes(self, limit: float) -> Axes:
        """Return the axes of a plot whose scale has this limit."""
        return axes_of(self.twin.system, self.twin.config.window, limit)

    def point(self, fields: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return fields ``(..., time, y, x)`` of a single cell as curves; none for other grids."""
        point = self.twin.system.geometry == "point"
        return tuple(fields.reshape(-1, fields.shape[-3])) if point else ()

    def words(self, display: DisplayState) -> str:
        """Describe the quantity shown."""
        system = self.twin.system
        variable = system.variables[self.layer(display)]
        return quantity_of(system, display).label.format(variable=variable)


def _drop_row(fields: np.ndarray) -> np.ndarray:
    """Drop the singleton axis of ``(..., time, y, x)`` fields cut by :meth:`TwinFields.steps`."""
    return fields[..., 0, :] if fields.shape[-2] == 1 else fields[..., 0, :, :]


def truth_plot(twin_fields: TwinFields, display: DisplayState) -> FieldPlot:
    """Plot the true field."""
    quantity, limit = quantity_of(twin_fields.twin.system, display), twin_fields.scale(display)[0]
    fields = twin_fields.truth(display)
    return FieldPlot(
        "Truth", twin_fields.words(display), _drop_row(fields[twin_fields.steps(display)]), limit,
        units=quantity.units, axes=twin_fields.axes(limit), curves=twin_fields.point(fields),
    )


def estimate_plot(
    title: str, note: str, estimate: Tensor, twin_fields: TwinFields, display: DisplayState
) -> FieldPlot:
    """Plot the selected view of an estimate, normalised ``(members, time, lev, y, x)``."""
    system = twin_fields.twin.system
    steps, layer = twin_fields.steps(display), twin_fields.layer(display)
    quantity = quantity_of(system, display)
    small = display.view in ("spread", "error")
    limit, states = twin_fields.scale(display)[small], estimate[:, steps].numpy()
    fields = quantity(system, _members(display, states))[:, :, layer]
    values = _reduce(display.view, _drop_row(fields), _drop_row(twin_fields.truth(display)[steps]))
    main = twin_fields.point(values[:, None])
    ensemble: tuple[np.ndarray, ...] = ()
    if main and not small:
        ensemble = twin_fields.point(quantity(system, states)[:, :, layer])
    return FieldPlot(
        title, note, values, limit, "sequential" if display.view == "spread" else "diverging",
        quantity.units, twin_fields.axes(limit), main + ensemble,
        twin_fields.truth(display)[:, 0, 0] if ensemble else None,
    )


def _members(display: DisplayState, states: np.ndarray) -> np.ndarray:
    """Select the states of a view, ``(1 or members, time, lev, y, x)``; fields are linear."""
    if display.view == "spread":
        return states
    if display.view == "sample":
        number = min(display.member, len(states))
        return states[number - 1 : number]
    return states.mean(axis=0, keepdims=True)


def _reduce(view: str, fields: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Reduce fields to the selected view, ``(1 or members, y, x) -> (y, x)``."""
    if view == "spread":
        return fields.std(axis=0, ddof=1) if len(fields) > 1 else np.zeros_like(fields[0])
    return fields[0] - truth if view == "error" else fields[0]


def observables(twin: Twin) -> list[str]:
    """List the observed channels, one text per operator and kind of channel: ``velocity u``."""
    return [name if name == group else f"{name} {group}" for name, _, group in _observables(twin)]


def _observables(twin: Twin) -> list[tuple[str, int, str]]:
    """List operator name, instrument number and channel name without its layer."""
    found = []
    for number, instrument in enumerate(twin.problem.network.instruments):
        name = twin.config.operators[number].partition(":")[0]
        groups = dict.fromkeys(c.rstrip("0123456789") for c in instrument.operator.channels)
        found += [(name, number, group) for group in groups]
    return found


def observation_plot(twin_fields: TwinFields, display: DisplayState) -> FieldPlot:
    """Plot the observations of an instrument at the selected time, NaN where there are none."""
    twin = twin_fields.twin
    names = observables(twin)
    wanted = display.observed if display.observed in names else names[0]
    name, number, group = _observables(twin)[names.index(wanted)]
    network = twin.problem.network
    instrument = network.instruments[number]
    channels = instrument.operator.channels
    channel = _channel(channels, group, display.layer)
    data = network.split(twin.problem.data.cpu())[number]
    values = instrument.put(data)[:, channel].numpy()
    mask = instrument.mask.numpy()
    known = np.abs(values[mask])
    limit = round_up(float(np.quantile(known, 0.995))) if len(known) else 1.0
    cells, steps = int(mask[display.time].sum()), twin_fields.steps(display)
    note = f"{channels[channel]} · {cells} cell{'s' * (cells > 1)}" if cells else "none now"
    seen = np.where(mask, values, np.nan)
    curves = twin_fields.point(seen)
    if curves:  # the axis at the left is that of the truth
        note = f"{channels[channel]} · from −{limit:g} to {limit:g}"
    return FieldPlot(
        f"Observed: {name}", note, _drop_row(seen[steps]), limit,
        axes=twin_fields.axes(limit), curves=curves,
    )


def _channel(channels: tuple[str, ...], group: str, layer: int) -> int:
    """Return the index of a group's channel in a layer, or of its first channel."""
    wanted = f"{group}{layer + 1}"
    if wanted in channels:
        return channels.index(wanted)
    return next(i for i, name in enumerate(channels) if name.rstrip("0123456789") == group)
