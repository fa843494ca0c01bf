"""Live curves of the Panel app: error and spread of every method over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    GlyphRenderer,
    HoverTool,
    Label,
    Legend,
    LegendItem,
    Range1d,
    Span,
    Title,
)
from bokeh.plotting import figure

from ...pictures.grid_layout import LEFT, SIDE
from ...pictures.style import colour, dash, marker
from .field_map import EDGE, QUIET, accessible_name, assign, style_axis

LABELS = ".bk-label { color: var(--lab-ink) !important; }"
"""Style of legend labels; Bokeh reads their colour before it is set."""

TICKS: tuple[float, ...] = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
NO_CURVE = {"x": np.zeros(1), "y": np.full(1, np.nan)}  # not empty, for the legend's glyph


class Curves:
    """RMSE and spread of every method over time, on a fixed logarithmic scale.

    The curves of a method are made when first needed, and then kept.

    Args:
        days: number of steps of the window.
    """

    def __init__(self, days: int) -> None:
        self.days, self._floor = np.arange(days), 0.05
        self.figure = figure(
            width=400, height=200, x_range=Range1d(-0.2, days - 0.8),
            y_range=Range1d(0.04, 2.0), y_axis_type="log", tools="", toolbar_location=None,
            outline_line_color=None, min_border_left=LEFT, min_border_right=SIDE,
            html_attributes=accessible_name("RMSE and spread of every method in time"),
            title=Title(text="RMSE of the ensemble mean (spread dotted)", text_font_size="12px",
                        standoff=4),
        )
        style_axis(self.figure.xaxis, "time (days)")
        style_axis(self.figure.yaxis, "RMSE / climatological std")
        self.figure.xaxis.ticker = FixedTicker(ticks=list(range(days)))
        self.figure.yaxis.ticker = FixedTicker(ticks=list(TICKS))
        self._references()
        self.sources: dict[str, ColumnDataSource] = {}
        self.spreads: dict[str, ColumnDataSource] = {}
        self._entries: dict[str, LegendItem] = {}
        self.legend = Legend(
            items=[], border_line_color=None, label_text_font_size="11px", padding=4, spacing=0,
            margin=4, background_fill_alpha=0, label_height=16, glyph_height=16,
            click_policy="hide", stylesheets=[LABELS],
        )
        self.figure.add_layout(self.legend, "right")
        self.hover = HoverTool(renderers=[], tooltips=[("step", "@x"), ("RMSE", "@y{0.000}")])
        self.figure.add_tools(self.hover)

    def _references(self) -> None:
        level = Span(location=1.0, dimension="width", line_dash="dotted",
                     css_variables=EDGE)
        self.day = Span(location=0, dimension="height", line_width=6,
                        line_alpha=0.25, css_variables=EDGE)
        text = Label(x=0, y=1.0, y_offset=2, text="climatology",
                     text_font_size="10px", css_variables=QUIET)
        for item in (level, self.day, text):
            self.figure.add_layout(item)

    def _entry(self, name: str) -> LegendItem:
        if name not in self._entries:
            self.sources[name] = ColumnDataSource(NO_CURVE, name=f"curve {name}")
            self.spreads[name] = ColumnDataSource(NO_CURVE, name=f"spread {name}")
            self._entries[name] = LegendItem(label=name, renderers=self._lines(name))
        return self._entries[name]

    def _lines(self, name: str) -> list[GlyphRenderer]:
        source, hue = self.sources[name], colour(name)
        line = self.figure.line("x", "y", source=source, line_color=hue, line_width=2,
                                line_dash=dash(name))
        points = self.figure.scatter("x", "y", source=source, marker=marker(name), size=6,
                                     color=hue)
        spread = self.figure.line("x", "y", source=self.spreads[name], line_color=hue,
                                  line_width=1.5, line_dash=[1, 4], line_cap="round")
        self.hover.renderers = [*self.hover.renderers, points]
        return [line, points, spread]

    def set_size(self, size: tuple[int, int], names: Sequence[str]) -> None:
        """Set width and height [pixels], and the methods in the legend."""
        assign(self.figure, width=size[0], height=size[1])
        assign(self.legend, items=[self._entry(name) for name in names])

    def show(
        self, errors: Mapping[str, np.ndarray], spreads: Mapping[str, np.ndarray], time: str
    ) -> None:
        """Draw the curves of all methods; those without values are empty.

        Args:
            errors: RMSE of the ensemble mean by label, ``(time,)``.
            spreads: spread of the members by label, ``(time,)``.
            time: label of the time axis.
        """
        assign(self.figure.xaxis[0], axis_label=time)
        self._lower_floor(errors)
        for sources, curves in ((self.sources, errors), (self.spreads, spreads)):
            for name, source in sources.items():
                self._fill(source, curves.get(name, np.empty(0)))

    def _fill(self, source: ColumnDataSource, values: np.ndarray) -> None:
        data = {"x": self.days[: len(values)], "y": values} if len(values) else NO_CURVE
        if not np.array_equal(source.data["y"], data["y"], equal_nan=True):
            source.data = data

    def floor(self, noise: float) -> None:
        """Set the lower limit of the y axis well below the noise."""
        self._floor = min(0.05, noise / 2.5)

    def _lower_floor(self, errors: Mapping[str, np.ndarray]) -> None:
        """Lower the limit of the y axis if errors are below it."""
        least = min((float(curve.min()) for curve in errors.values()), default=1.0)
        below = max((tick for tick in TICKS if tick < least), default=TICKS[0])
        assign(self.figure.y_range, start=min(self._floor, below))
