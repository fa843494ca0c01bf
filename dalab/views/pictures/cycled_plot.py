"""Plots of the states of a cycled run: maps, Hovmoeller diagrams and attractors.

A flow is shown as it is at one cycle. A ring is shown over the last cycles, the newest at the top.
A system of a few variables is shown as a path on its attractor, with the members at its end; one
that is a flow with tracers as that (:mod:`dalab.views.pictures.flow_plot`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ...systems import System
from ...systems.time_stepped import TimeStepped
from .axes import Axes, Axis
from .cycled_fields import TRAIL, CycledFields, anomalies, has_attractor, members_of
from .field_plot import STAGES, DisplayState, FieldPlot, estimate_plot, round_up, truth_plot
from .flow_plot import AXES as FLOW_AXES
from .flow_plot import flow_estimate_plot, flow_of, flow_truth_plot

POINTS = 25
"""Largest number of points of a path from one cycle to the next."""


def cycled_truth_plot(fields: CycledFields, display: DisplayState) -> FieldPlot:
    """Plot the truth, with the number of its cycle."""
    flow, note = flow_of(fields.system), f"{fields.words(display)} · {fields.period}"
    if flow is not None:
        return flow_truth_plot(flow, fields)
    if not has_attractor(fields.system):
        return replace(truth_plot(fields, display), note=note)
    path = _path(fields, display, fields.truths())
    across, up = (fields.system.variables[layer] for layer in _pair(fields, display))
    note = f"{up} against {across} · {fields.period}"
    return _attractor(fields, display, "Truth", note, path, cloud=path[:, -1:])


def cycled_estimate_plot(
    title: str, note: str, fields: CycledFields, display: DisplayState
) -> FieldPlot:
    """Plot the selected view of the members of a method.

    The plot is empty, and says so, if the method has no such view.
    """
    flow = flow_of(fields.system)
    if not fields.shows(display):
        return FieldPlot(title, f"{note} · no {display.view}", axes=_axes(fields, display))
    if flow is not None:
        return flow_estimate_plot(flow, title, note, fields, display)
    if not has_attractor(fields.system) or display.view in ("spread", "error"):
        states = torch.from_numpy(fields.members(display))
        return estimate_plot(title, note, states, fields, display)
    if display.view in STAGES:
        return _stage_plot(title, note, fields, display)
    members = np.stack([snapshot.analysis.numpy() for snapshot in fields.snapshots[-TRAIL:]])
    number = min(display.member, members.shape[1])
    sampled = display.view == "sample"
    main = members[:, number - 1] if sampled else members.mean(1, dtype=np.float64)
    plot = _attractor(
        fields, display, title, note, _path(fields, display, main),
        cloud=_plane(fields, display, members[-1]),
    )
    return replace(plot, truth=_path(fields, display, fields.truths()))


def _axes(fields: CycledFields, display: DisplayState) -> Axes:
    """Return the axes of the plots of a method that shows anything."""
    if flow_of(fields.system) is not None:
        return FLOW_AXES
    if has_attractor(fields.system):
        return _attractor_axes(fields, display)
    return fields.axes(fields.scale(display)[0])


# --- attractors -----------------------------------------------------------------------------------


def _stage_plot(
    title: str, note: str, fields: CycledFields, display: DisplayState
) -> FieldPlot:
    """Plot the members at a stage of the last analysis, and where each of them went from there."""
    before = _plane(fields, display, members_of(fields.snapshots[-1], display))
    after = _plane(fields, display, fields.snapshots[-1].analysis.numpy())
    ways = np.stack([before, after, np.full_like(before, np.nan)], -1)  # (2, n, 3)
    plot = _attractor(fields, display, title, note, ways.reshape(2, -1), cloud=before)
    return replace(plot, truth=_path(fields, display, fields.truths()))


def _pair(fields: CycledFields, display: DisplayState) -> tuple[int, int]:
    """Return the variables along x and y: the selected one, and the last or the first."""
    chosen, last = fields.layer(display), fields.system.shape[0] - 1
    return (chosen, last) if chosen < last else (last, 0)


def _plane(fields: CycledFields, display: DisplayState, states: np.ndarray) -> np.ndarray:
    """Return states ``(n, lev, 1, 1)`` as points of the plane, ``(2, n)``."""
    shown = anomalies(fields.system, display, states)
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
    axes = _attractor_axes(fields, display)
    return FieldPlot(
        title, note, np.concatenate([path, cloud], 1), axes.x.end, axes=axes, curves=(path,),
        cloud=cloud,
    )


def _attractor_axes(fields: CycledFields, display: DisplayState) -> Axes:
    pair = _pair(fields, display)
    limits = [round_up(3 * fields.std(replace(display, layer=layer))) for layer in pair]
    x, y = (
        Axis(-limit, limit, (-limit, 0.0, limit), "0", fields.system.variables[layer])
        for limit, layer in zip(limits, pair, strict=True)
    )
    return Axes(x, y, "attractor")
