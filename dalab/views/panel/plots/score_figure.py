"""Set-up that the figures of scores share: a logarithmic scale, a legend, and hovering."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from bokeh.models import (
    FixedTicker,
    GlyphRenderer,
    HoverTool,
    Legend,
    LegendItem,
    Range1d,
    Title,
)
from bokeh.plotting import figure

from ...pictures.grid_layout import LEFT, SIDE
from .field_map import accessible_name, assign, make_veil, style_axis

LABELS = ".bk-label { color: var(--lab-ink) !important; }"
"""Style of legend labels; Bokeh reads their colour before it is set."""

TICKS: tuple[float, ...] = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
NO_CURVE = {"x": np.zeros(1), "y": np.full(1, np.nan)}  # not empty, for the legend's glyph


class ScoreFigure(ABC):
    """Errors of every method on a logarithmic scale, beside a legend that hides and shows them.

    The curves of a method are made when first needed, and then kept.

    Args:
        about: name of the figure for assistive technology.
        title: title of the figure.
        x_range: range of the x axis.
        x_label: label of the x axis.
        hover: tool that reads off values; its renderers are added with the curves.
    """

    def __init__(
        self, about: str, title: str, x_range: Range1d, x_label: str, hover: HoverTool
    ) -> None:
        self._title, self.veil = title, make_veil()
        self.title = Title(text=title, text_font_size="12px", standoff=4)
        self.figure = figure(
            width=400, height=200, x_range=x_range, y_range=Range1d(0.04, 2.0), y_axis_type="log",
            tools="", toolbar_location=None, outline_line_color=None, min_border_left=LEFT,
            min_border_right=SIDE, html_attributes=accessible_name(about), title=self.title,
        )
        style_axis(self.figure.xaxis, x_label)
        style_axis(self.figure.yaxis, "RMSE / climatological std")
        self.figure.yaxis.ticker = FixedTicker(ticks=list(TICKS))
        self.figure.yaxis.major_label_overrides = {tick: f"{tick:g}" for tick in TICKS}
        self._entries: dict[str, LegendItem] = {}
        self.legend = Legend(
            items=[], border_line_color=None, label_text_font_size="11px", padding=4, spacing=0,
            margin=4, background_fill_alpha=0, label_height=16, glyph_height=16,
            click_policy="hide", stylesheets=[LABELS],
        )
        self.figure.add_layout(self.legend, "right")
        self.figure.add_layout(self.veil)
        self.hover = hover
        self.figure.add_tools(hover)

    @abstractmethod
    def _lines(self, name: str) -> list[GlyphRenderer]:
        """Make the sources and the curves of a method; return those that its legend entry shows."""

    def dim(self, caption: str) -> None:
        """Dim the curves if a caption names the earlier run that they are of."""
        assign(self.veil, visible=bool(caption))
        assign(self.title, text=f"RMSE of {caption}" if caption else self._title)

    def set_size(self, size: tuple[int, int], names: Sequence[str]) -> None:
        """Set width and height [pixels], and the methods in the legend."""
        assign(self.figure, width=size[0], height=size[1])
        assign(self.legend, items=[self._entry(name) for name in names])

    def _entry(self, name: str) -> LegendItem:
        if name not in self._entries:
            self._entries[name] = LegendItem(label=name, renderers=self._lines(name))
        return self._entries[name]
