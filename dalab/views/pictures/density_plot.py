"""Plots of marginal densities: one variable of the analysis of a method at one cycle.

The density of the method is a curve, that of the reference posterior a grey area, the climate is
dashed and the truth a vertical line. On a logarithmic scale the tails can be compared too. Scales
are those of all methods of a run: the highest density so far ends the linear one. A method that
keeps the latents of its analysis has two more curves: the forecast, and the latents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...experiments.cycles.recorder import Snapshot
from ...metrics.density import adapted_grid, kernel_density
from ...systems import System
from .axes import Axes, Axis
from .cycled_fields import LATENT, CycledFields, shown_scale
from .field_plot import DENSITIES, DisplayState, FieldPlot, round_up

LINEAR, LOGARITHMIC = DENSITIES
"""Views with a linear and a logarithmic scale."""

WIDTH = 4.0
"""Half the width of a plot in standard deviations of the climate, if its values lie within."""

SHARPEST = 30.0
"""Highest density of a plot, relative to 1 over the standard deviation of the climate."""

DECADES = (-4.0, 1.0)
"""Logarithms of the lowest and the highest density on a logarithmic scale, relative to the same."""


@dataclass(frozen=True)
class Beside:
    """Ensembles that a density is compared with, normalised; ``None`` where there is none.

    Args:
        reference: members of the reference posterior at the same cycle, ``(N, lev, y, x)``.
        climate: draws of the climate, ``(n, lev, y, x)``.
    """

    reference: np.ndarray | None = None
    climate: np.ndarray | None = None


def shows_density(system: System, display: DisplayState) -> bool:
    """True for a view of densities, which systems of a few variables have."""
    return display.view in DENSITIES and system.geometry == "point"


def density_plot(
    title: str, note: str, fields: CycledFields, display: DisplayState, beside: Beside
) -> FieldPlot:
    """Plot the density of the selected variable of a method at the cycle shown."""
    system, layer = fields.system, fields.layer(display)
    snapshot, scale = fields.snapshots[-1], float(shown_scale(system, display)[layer])
    curve = _density(snapshot, layer)
    area, dashed = (
        None if states is None else _estimate(_values(states, layer))
        for states in (beside.reference, beside.climate)
    )
    stages = _stages(snapshot, layer)
    width = _width(beside.climate, layer)
    axes = _axes(fields, display, scale, width,
                 [c for c in (curve, area, *stages) if c is not None])
    truth = float(snapshot.truth[layer, 0, 0]) * scale
    line = np.array([[truth, truth], [axes.y.start, axes.y.end]])
    drawn = [_in_units(c, scale, axes, display) for c in (curve, area, dashed)]
    passed = tuple(_in_units(c, scale, axes, display) for c in stages)
    parts = [part for part in (*drawn, *passed, line) if part is not None]
    span = f"up to {axes.y.ends[1] or format(axes.y.end, 'g')}"  # only maps at the left have labels
    return FieldPlot(
        title, f"{note} · {span}" if note else span, np.concatenate(parts, 1), axes.x.end,
        axes=axes,
        curves=() if drawn[0] is None else (drawn[0],), area=drawn[1], dashed=drawn[2], truth=line,
        stages=tuple(c for c in passed if c is not None),
    )


def _values(states: np.ndarray, layer: int) -> np.ndarray:
    return states[:, layer, 0, 0].astype(np.float64)


def _density(snapshot: Snapshot, layer: int) -> np.ndarray | None:
    """Density of a method as points and values, ``(2, G)``: its own, or an estimate."""
    if snapshot.marginals is not None:
        return snapshot.marginals[layer].numpy().astype(np.float64)
    return _estimate(_values(snapshot.analysis.numpy(), layer))


def _stages(snapshot: Snapshot, layer: int) -> list[np.ndarray | None]:
    """Densities of the forecast and of the latents, ``(2, G)``; empty without latents."""
    if LATENT not in snapshot.stages:
        return []
    return [_estimate(_values(states.numpy(), layer))
            for states in (snapshot.forecast, snapshot.stages[LATENT])]


def _estimate(values: np.ndarray) -> np.ndarray | None:
    """Kernel estimate of values ``(N,)``, ``(2, G)``; ``None`` for less than two."""
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    grid = adapted_grid(values)
    return np.stack([grid, kernel_density(values, grid)])


def _width(climate: np.ndarray | None, layer: int) -> float:
    """Half the width of the plot, normalised, which holds the extremes of the climate."""
    if climate is None:
        return WIDTH
    return max(WIDTH, round_up(float(np.quantile(np.abs(_values(climate, layer)), 0.999))))


def _axes(
    fields: CycledFields, display: DisplayState, scale: float, width: float,
    curves: list[np.ndarray],
) -> Axes:
    """Axes of all methods; the linear one grows with the highest density of the run so far."""
    layer, limit = fields.layer(display), round_up(width * scale)
    x = Axis(-limit, limit, (-limit, 0.0, limit), "0", fields.system.variables[layer])
    if display.view == LOGARITHMIC:
        low, high = (decade - np.floor(np.log10(scale)) for decade in DECADES)
        middle = float(round((low + high) / 2))
        y = Axis(low, high, (low, middle, high), _power(middle), "density",
                 ends=(_power(low), _power(high)))
        return Axes(x, y, "density")
    key = f"density of {display.quantity}", layer
    highest = min(max((float(c[1].max()) for c in curves), default=1.0), SHARPEST) / scale
    fields.about.stds[key] = max(fields.about.stds.get(key, 0.0), highest)
    top = round_up(1.05 * fields.about.stds[key])
    return Axes(x, Axis(0.0, top, (0.0, top / 2, top), f"{top / 2:g}", "density"), "density")


def _power(exponent: float) -> str:
    """Write a power of ten: ``0.01``, ``1``, ``1e-04``."""
    return f"{10.0 ** exponent:g}"


def _in_units(
    curve: np.ndarray | None, scale: float, axes: Axes, display: DisplayState
) -> np.ndarray | None:
    """A normalised density in the units of the plot, cut off at its frame."""
    if curve is None:
        return None
    x, density = curve[0] * scale, curve[1] / scale
    if display.view == LOGARITHMIC:
        density = np.log10(np.maximum(density, 10.0 ** (axes.y.start - 1)))
    inside = np.abs(x) <= axes.x.end
    return np.stack([x[inside], np.minimum(density[inside], axes.y.end)])


def density_key(system: System, display: DisplayState, stages: bool = False) -> str:
    """Describe what the lines of the plots are, for the place of the colour bars.

    Args:
        system: the system.
        display: selects the variable.
        stages: whether any plot has the densities of stages.
    """
    name = system.variables[min(display.layer, system.shape[0] - 1)]
    known = f"Densities of {name}. Upright: truth. Grey area: reference. Dashed: climate."
    return f"{known} Dash-dotted: forecast. Dotted: latent." if stages else known
