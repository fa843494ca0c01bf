"""Plots of flows with tracers: the vorticity as an image, and the tracers as dots.

The truth has trails, the paths of its tracers over the last cycles. The mean of a method is the
flow of its mean state; its spread and error are those of the vorticity, with the tracers of the
mean.
"""

from __future__ import annotations

import numpy as np
import torch

from ...systems import System
from ...systems.quantities import FlowWithTracers
from .axes import Axes, Axis
from .cycled_fields import CycledFields, members_of
from .field_plot import SINGLE, DisplayState, FieldPlot, round_up

TRAIL = 16
"""Cycles of a trail."""

MEMBERS = 200
"""Most members that the spread of the flow is taken of."""

SIDE = tuple(Axis(0.0, 1.0, (0.0, 0.5, 1.0), f"0.5 {name}", name) for name in "xy")
AXES = Axes(SIDE[0], SIDE[1], "flow")
"""Axes of the unit square."""


def flow_of(system: System) -> FlowWithTracers | None:
    """Return a system that is shown as a flow with tracers; ``None`` for any other."""
    return system if isinstance(system, FlowWithTracers) else None


def flow_truth_plot(flow: FlowWithTracers, fields: CycledFields) -> FieldPlot:
    """Plot the true flow, and its tracers with their trails."""
    states = torch.stack([snapshot.truth for snapshot in fields.snapshots[-TRAIL:]])
    places, vorticity = _positions(flow, states), _map(flow, states[-1])
    return FieldPlot(
        "Truth", f"vorticity · cycle {fields.snapshots[-1].cycle}", vorticity,
        round_up(3 * _std(flow, fields)), axes=AXES, curves=(trails(places),), cloud=places[-1].T,
    )


def flow_estimate_plot(
    flow: FlowWithTracers, title: str, note: str, fields: CycledFields, display: DisplayState
) -> FieldPlot:
    """Plot the selected view of the flow in the analyses of a method."""
    snapshot = fields.snapshots[-1]
    members = torch.from_numpy(members_of(snapshot, display))
    mean = members.double().mean(0).float()
    number, small = min(display.member, len(members)), display.view in ("spread", "error")
    state = members[number - 1] if display.view in SINGLE else mean
    if display.view == "spread":
        some = members[:: -(-len(members) // MEMBERS)]
        values = flow.flow_map(some).std(0, unbiased=len(some) > 1).numpy()
    elif display.view == "error":
        values = _map(flow, mean) - _map(flow, snapshot.truth)
    else:
        values = _map(flow, state)
    std = _std(flow, fields)
    return FieldPlot(
        title, note, values, round_up(std if small else 3 * std),
        "sequential" if display.view == "spread" else "diverging", axes=AXES,
        cloud=_positions(flow, state[None])[0].T,
    )


def _map(flow: FlowWithTracers, state: torch.Tensor) -> np.ndarray:
    """Vorticity of a state, ``(y, x)``."""
    return np.asarray(flow.flow_map(state).numpy())


def _positions(flow: FlowWithTracers, states: torch.Tensor) -> np.ndarray:
    """Tracers of states, ``(states, L, 2)``."""
    return np.asarray(flow.tracer_positions(states).numpy())


def _std(flow: FlowWithTracers, fields: CycledFields) -> float:
    """Standard deviation of the first true vorticity shown, which stays in a run."""
    key = "vorticity", 0
    if key not in fields.about.stds:
        fields.about.stds[key] = float(_map(flow, fields.snapshots[-1].truth).std())
    return fields.about.stds[key]


def trails(places: np.ndarray) -> np.ndarray:
    """Join the paths of tracers to one line, ``(2, n)``, with NaN wherever it is interrupted.

    It is interrupted between two tracers, and where one leaves the square on a side and comes back
    on the other.

    Args:
        places: ``(time, L, 2)``, in [0, 1).
    """
    end = np.full((1, *places.shape[1:]), np.nan)
    paths = np.concatenate([places, end]).swapaxes(0, 1).reshape(-1, 2)
    leaps = np.flatnonzero((np.abs(np.diff(paths, axis=0)) > 0.5).any(1))
    return np.insert(paths, leaps + 1, np.nan, axis=0).T
