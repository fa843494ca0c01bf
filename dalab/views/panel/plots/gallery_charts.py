"""Charts of the gallery page: a filter beside the exact answer."""

from __future__ import annotations

import numpy as np
from bokeh.models import Range1d, Title
from bokeh.plotting import figure

from ....experiments.gallery.exhibit import EXACT, FILTER, OTHER, Chart, Curve
from ...pictures.gallery_plot import COLOURS, has_markers
from .field_map import accessible_name, style_axis
from .score_figure import LABELS

DASHES = {EXACT: "dashed", FILTER: "solid", OTHER: "dotdash"}
"""Dash of a curve by its role."""


def draw_chart(chart: Chart, width: int, height: int) -> figure:
    """Draw a chart as a Bokeh figure of some width and height [pixels]."""
    drawn = figure(
        frame_width=width, frame_height=height, tools="", toolbar_location=None,
        outline_line_color=None, title=Title(text=chart.title, text_font_size="12px", standoff=3),
        x_axis_type="log" if chart.log_x else "linear",
        y_axis_type="log" if chart.log_y else "linear", min_border_left=56,
        html_attributes=accessible_name(chart.title),
    )
    for axis, label in ((drawn.xaxis, chart.xlabel), (drawn.yaxis, chart.ylabel)):
        style_axis(axis, label)
    drawn.y_range = _range(chart)
    for curve in chart.curves:
        _add(drawn, curve)
    legend = drawn.legend[0]
    drawn.add_layout(legend, "right")
    legend.update(
        border_line_color=None, padding=2, label_text_font_size="11px", background_fill_alpha=0,
        label_height=15, glyph_height=15, stylesheets=[LABELS],
    )
    return drawn


def _add(drawn: figure, curve: Curve) -> None:
    colour, dash = COLOURS[curve.role], DASHES[curve.role]
    drawn.line(
        curve.x, curve.y, color=colour, line_dash=dash, line_width=2, legend_label=curve.label
    )
    if has_markers(curve):
        drawn.scatter(curve.x, curve.y, color=colour, size=6, legend_label=curve.label)


def _range(chart: Chart) -> Range1d:
    """Vertical range with zero and all curves, but for what is above the highest value."""
    values = np.concatenate([curve.y for curve in chart.curves])
    values = values[np.isfinite(values)]
    top = min(float(values.max()), float(chart.highest or np.inf)) * (1.3 if chart.log_y else 1.05)
    bottom = float(values.min()) / 1.3 if chart.log_y else min(0.0, float(values.min()))
    return Range1d(bottom, top)
