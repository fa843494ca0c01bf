"""The curves of the teaching page: Bokeh figures that are built once and then fed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.layouts import column
from bokeh.models import Band, ColumnDataSource, GlyphRenderer, Legend, LegendItem, Range1d, Title
from bokeh.models import Column as BokehColumn
from bokeh.plotting import figure

from .teach_model import Panel

INK, MUTED, ESTIMATE, SEEN, EXACT = "#1f2937", "#566070", "#0072B2", "#B3261E", "#555555"
WIDTH, HEIGHT, LEGEND, LEFT = 880, 150, 170, 48
CHARTS = 3


class Chart:
    """One curve: estimate with band, readings, exact answer with band, truth.

    Args:
        number: of the chart, from 0; it names the sources.
    """

    def __init__(self, number: int) -> None:
        empty: dict[str, list] = {"x": [], "y": [], "low": [], "high": []}
        self.sources = {
            name: ColumnDataSource(dict(empty), name=f"{name} {number}")
            for name in ("estimate", "seen", "exact", "truth")
        }
        self.title = Title(text=" ", text_font_size="12px", text_color=INK)
        self.figure = figure(
            frame_width=WIDTH - LEGEND - LEFT, frame_height=HEIGHT, tools="",
            toolbar_location=None, title=self.title, outline_line_color=None, min_border_left=LEFT,
            x_range=Range1d(0, 1), y_range=Range1d(-1, 1),
        )
        for axis in (*self.figure.xaxis, *self.figure.yaxis):
            axis.major_label_text_color = axis.axis_label_text_color = MUTED
            axis.axis_label_text_font_style = "normal"
            axis.axis_line_color = axis.minor_tick_line_color = None
        self.figure.grid.grid_line_color = "#e5e7eb"
        self.last = number == CHARTS - 1
        drawn = self._draw()
        if number == 0:
            self._explain(drawn)

    def _draw(self) -> dict[str, GlyphRenderer]:
        for name, tint, alpha in (("exact", EXACT, 0.22), ("estimate", ESTIMATE, 0.22)):
            self.figure.add_layout(Band(
                base="x", lower="low", upper="high", source=self.sources[name], level="underlay",
                fill_color=tint, fill_alpha=alpha, line_color=None,
            ))
        s, f = self.sources, self.figure
        return {
            "estimate, ±2 std": f.line("x", "y", source=s["estimate"], color=ESTIMATE,
                                       line_width=2),
            "readings": f.scatter("x", "y", source=s["seen"], marker="cross", size=10, color=SEEN,
                                  line_width=2),
            "exact answer, ±2 std": f.line("x", "y", source=s["exact"], color=EXACT, line_width=2,
                                           line_dash="dashed"),
            "truth": f.line("x", "y", source=s["truth"], color=INK, line_width=2,
                            line_dash="dotted"),
        }

    def _explain(self, drawn: dict[str, GlyphRenderer]) -> None:
        items = [LegendItem(label=label, renderers=[line]) for label, line in drawn.items()]
        self.figure.add_layout(Legend(
            items=items, border_line_color=None, label_text_font_size="11px", padding=2,
            background_fill_alpha=0, label_height=15, glyph_height=15,
        ), "right")

    def show(self, panel: Panel | None) -> None:
        """Draw a panel, or nothing."""
        if panel is None:
            self.title.text = " "
            for name in self.sources:
                self._feed(name, np.empty(0), np.empty(0))
            return
        self.title.text = panel.title
        self.figure.xaxis.axis_label = panel.xlabel if self.last else None
        nothing = (np.empty(0), np.empty(0))
        for name, band in (("estimate", panel.estimate), ("exact", panel.exact)):
            mean, std = band if band is not None else nothing
            self._feed(name, panel.x[: len(mean)], mean, std)
        self._feed("seen", *(panel.seen or nothing))
        truth = np.empty(0) if panel.truth is None else panel.truth
        self._feed("truth", panel.x[: len(truth)], truth)
        self._fit(panel.x)

    def _fit(self, x: np.ndarray) -> None:
        """Make room for all that is drawn, bands included."""
        drawn = [source.data[end] for source in self.sources.values() for end in ("low", "high")]
        values = np.concatenate(drawn)
        low, high = (values.min(), values.max()) if len(values) else (-1.0, 1.0)
        margin = 0.04 * (high - low) or 1.0
        self.figure.y_range.update(start=low - margin, end=high + margin)
        self.figure.x_range.update(start=x[0] - 0.02 * np.ptp(x), end=x[-1] + 0.02 * np.ptp(x))

    def _feed(self, name: str, x: np.ndarray, y: np.ndarray, std: np.ndarray | None = None) -> None:
        std = np.zeros_like(y) if std is None else std
        self.sources[name].data = {"x": x, "y": y, "low": y - 2 * std, "high": y + 2 * std}


class Charts:
    """Three charts, one above the other."""

    def __init__(self) -> None:
        self.charts = [Chart(i) for i in range(CHARTS)]
        self.layout: BokehColumn = column(*(chart.figure for chart in self.charts))

    def show(self, panels: Sequence[Panel]) -> None:
        """Draw the panels; charts without one are empty."""
        for i, chart in enumerate(self.charts):
            chart.show(panels[i] if i < len(panels) else None)
