"""Charts of the lessons page: Bokeh figures that are built once and then updated.

Text, axes and grids take their colours from the style sheet of the page and thus from its theme;
the colours of the curves are visible on light and dark backgrounds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.layouts import column
from bokeh.models import Band, ColumnDataSource, GlyphRenderer, Legend, LegendItem, Range1d, Title
from bokeh.models import Column as BokehColumn
from bokeh.plotting import figure

from ...model.teaching.lesson_plots import LessonPlot
from ...pictures.style import TRUTH
from .field_map import accessible_name, style_axis
from .score_figure import LABELS

ESTIMATE, SEEN, EXACT = "#0072B2", "#D55E00", "#009E73"
WIDTH, HEIGHT, LEGEND, LEFT = 880, 150, 170, 48
CHARTS = 3

_WORDS = {
    "estimate": "estimate, ±2 std", "seen": "readings", "exact": "exact answer, ±2 std",
    "truth": "truth",
}


class Chart:
    """One chart: estimate and exact answer with bands, readings, truth.

    Args:
        number: number of the chart, from 0; part of the names of its sources.
    """

    def __init__(self, number: int) -> None:
        empty: dict[str, list] = {"x": [], "y": [], "low": [], "high": []}
        self.sources = {
            name: ColumnDataSource(dict(empty), name=f"{name} {number}")
            for name in ("estimate", "seen", "exact", "truth")
        }
        self.title = Title(text=" ", text_font_size="12px", standoff=3)
        self.figure = figure(
            frame_width=WIDTH - LEGEND - LEFT, frame_height=HEIGHT, tools="",
            toolbar_location=None, title=self.title, outline_line_color=None, min_border_left=LEFT,
            x_range=Range1d(0, 1), y_range=Range1d(-1, 1),
        )
        for axis in (self.figure.xaxis, self.figure.yaxis):
            style_axis(axis)
        self.last = number == CHARTS - 1
        self.entries = {
            name: LegendItem(label=_WORDS[name], renderers=[drawn], visible=False)
            for name, drawn in self._draw().items()
        }
        if number == 0:
            self._add_legend()

    def _draw(self) -> dict[str, GlyphRenderer]:
        for name, tint in (("exact", EXACT), ("estimate", ESTIMATE)):
            self.figure.add_layout(Band(
                base="x", lower="low", upper="high", source=self.sources[name], level="underlay",
                fill_color=tint, fill_alpha=0.25, line_color=None,
            ))
        s, f = self.sources, self.figure
        return {
            "estimate": f.line("x", "y", source=s["estimate"], color=ESTIMATE, line_width=2),
            "seen": f.scatter("x", "y", source=s["seen"], marker="cross", size=10, color=SEEN,
                              line_width=2),
            "exact": f.line("x", "y", source=s["exact"], color=EXACT, line_width=2,
                            line_dash="dashed"),
            "truth": f.line("x", "y", source=s["truth"], color=TRUTH, line_width=3,
                            line_dash="dotted"),
        }

    def _add_legend(self) -> None:
        self.figure.add_layout(Legend(
            items=list(self.entries.values()), border_line_color=None, padding=2,
            label_text_font_size="11px", background_fill_alpha=0, label_height=15,
            glyph_height=15, stylesheets=[LABELS],
        ), "right")

    def set_size(self, width: int, height: int) -> None:
        """Set width and height of the frame [pixels]."""
        self.figure.update(frame_width=width, frame_height=height)

    def show(self, plot: LessonPlot | None) -> None:
        """Draw a plot, or clear the chart."""
        if plot is None:
            self.title.text = " "
            for name in self.sources:
                self._feed(name, np.empty(0), np.empty(0))
            return
        self.title.text = plot.title
        self.figure.html_attributes = accessible_name(plot.title)
        self.figure.xaxis.axis_label = plot.xlabel if self.last else None
        self.figure.yaxis.axis_label = plot.ylabel
        nothing = (np.empty(0), np.empty(0))
        for name, band in (("estimate", plot.estimate), ("exact", plot.exact)):
            mean, std = band if band is not None else nothing
            self._feed(name, plot.x[: len(mean)], mean, std)
        self._feed("seen", *(plot.seen or nothing))
        truth = np.empty(0) if plot.truth is None else plot.truth
        self._feed("truth", plot.x[: len(truth)], truth)
        self._set_ranges(plot.x)

    def _set_ranges(self, x: np.ndarray) -> None:
        """Set the ranges to include all curves and bands."""
        drawn = [source.data[end] for source in self.sources.values() for end in ("low", "high")]
        values = np.concatenate(drawn)
        low, high = (values.min(), values.max()) if len(values) else (-1.0, 1.0)
        margin = 0.04 * (high - low) or 1.0
        self.figure.y_range.update(start=low - margin, end=high + margin)
        self.figure.x_range.update(start=x[0] - 0.02 * np.ptp(x), end=x[-1] + 0.02 * np.ptp(x))

    def _feed(self, name: str, x: np.ndarray, y: np.ndarray, std: np.ndarray | None = None) -> None:
        std = np.zeros_like(y) if std is None else std
        self.entries[name].visible = len(x) > 0
        self.sources[name].data = {"x": x, "y": y, "low": y - 2 * std, "high": y + 2 * std}


class Charts:
    """Three charts, stacked vertically."""

    def __init__(self) -> None:
        self.charts = [Chart(i) for i in range(CHARTS)]
        self.layout: BokehColumn = column(*(chart.figure for chart in self.charts))

    def set_size(self, width: int, height: int) -> None:
        """Fit the charts into width and height [pixels], down to a minimum."""
        across = max(width, WIDTH) - LEGEND - LEFT
        down = max(height // CHARTS - 46, HEIGHT)
        for chart in self.charts:
            chart.set_size(across, down)

    def show(self, plots: Sequence[LessonPlot]) -> None:
        """Draw the plots; charts without one are empty."""
        for i, chart in enumerate(self.charts):
            chart.show(plots[i] if i < len(plots) else None)
