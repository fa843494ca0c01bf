"""Pictures of exhibits: the charts of a filter beside the exact answer, in Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...experiments.gallery.exhibit import EXACT, FILTER, OTHER, Chart, Curve

COLOURS = {EXACT: "#009E73", FILTER: "#0072B2", OTHER: "#D55E00"}
"""Colour of a curve by its role."""

DASHES = {EXACT: "--", FILTER: "-", OTHER: "-."}
"""Dash of a curve by its role."""

MARKED = 25
"""Most points of a curve that has markers."""


def has_markers(curve: Curve) -> bool:
    """True for a curve of a filter with few points."""
    return len(curve.x) <= MARKED and curve.role != EXACT


def gallery_figure(charts: Sequence[Chart]) -> Figure:
    """Draw the charts of an exhibit side by side."""
    page = Figure(figsize=(5.6 * len(charts), 3.4), layout="constrained")
    for ax, chart in zip(page.subplots(1, len(charts), squeeze=False)[0], charts, strict=True):
        _draw(ax, chart)
    return page


def _draw(ax: Axes, chart: Chart) -> None:
    for curve in chart.curves:
        ax.plot(
            curve.x, curve.y, DASHES[curve.role], color=COLOURS[curve.role], markersize=4,
            marker="o" if has_markers(curve) else None, label=curve.label,
        )
    ax.set(title=chart.title, xlabel=chart.xlabel, ylabel=chart.ylabel,
           xscale="log" if chart.log_x else "linear", yscale="log" if chart.log_y else "linear")
    ax.title.set_fontsize(10)
    values = np.concatenate([curve.y for curve in chart.curves])
    if chart.highest is not None:
        ax.set_ylim(top=min(chart.highest, 1.05 * float(np.nanmax(values))))
    if not chart.log_y:
        ax.set_ylim(bottom=min(0.0, 1.05 * float(np.nanmin(values))))
    ax.legend(fontsize=8, frameon=False)
    ax.grid(alpha=0.3)
