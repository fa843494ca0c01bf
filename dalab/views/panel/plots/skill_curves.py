"""Live curves of the Panel app: error and spread of every method over time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    GlyphRenderer,
    HoverTool,
    Label,
    Range1d,
    Span,
)

from ...pictures.style import colour, dash, marker
from .field_map import EDGE, QUIET, assign
from .score_figure import NO_CURVE, TICKS, ScoreFigure


class Curves(ScoreFigure):
    """RMSE and spread of every method over time, on a fixed logarithmic scale.

    Args:
        days: number of steps of the window.
    """

    def __init__(self, days: int) -> None:
        self.days, self._floor = np.arange(days), 0.05
        super().__init__(
            "RMSE and spread of every method in time",
            "RMSE of the ensemble mean (spread dotted)", Range1d(-0.2, days - 0.8), "time (days)",
            HoverTool(renderers=[], tooltips=[("step", "@x"), ("RMSE", "@y{0.000}")]),
        )
        self.figure.xaxis.ticker = FixedTicker(ticks=list(range(days)))
        self._references()
        self.sources: dict[str, ColumnDataSource] = {}
        self.spreads: dict[str, ColumnDataSource] = {}

    def _references(self) -> None:
        level = Span(location=1.0, dimension="width", line_dash="dotted",
                     css_variables=EDGE)
        self.day = Span(location=0, dimension="height", line_width=6,
                        line_alpha=0.25, css_variables=EDGE)
        text = Label(x=0, y=1.0, y_offset=2, text="climatology",
                     text_font_size="10px", css_variables=QUIET)
        for item in (level, self.day, text):
            self.figure.add_layout(item)

    def _lines(self, name: str) -> list[GlyphRenderer]:
        self.sources[name] = source = ColumnDataSource(NO_CURVE, name=f"curve {name}")
        self.spreads[name] = ColumnDataSource(NO_CURVE, name=f"spread {name}")
        hue = colour(name)
        line = self.figure.line("x", "y", source=source, line_color=hue, line_width=2,
                                line_dash=dash(name))
        points = self.figure.scatter("x", "y", source=source, marker=marker(name), size=6,
                                     color=hue)
        spread = self.figure.line("x", "y", source=self.spreads[name], line_color=hue,
                                  line_width=1.5, line_dash=[1, 4], line_cap="round")
        self.hover.renderers = [*self.hover.renderers, points]
        return [line, points, spread]

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
