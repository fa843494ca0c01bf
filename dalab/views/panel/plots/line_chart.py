"""Small charts of curves in the looks of their methods, that are built once and then fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, HoverTool, Span, Title
from bokeh.plotting import figure

from ...pictures.style import TRUTH, colour, dash, legend_glyph, marker
from .field_map import EDGE, accessible_name, assign, style_axis

MARKS = 8
"""Markers on a curve, about."""


@dataclass(frozen=True)
class Line:
    """One curve.

    Args:
        name: whose it is, a label of a method or ``truth``.
        x: where.
        y: what.
        dash: a pattern of Bokeh's; by default that of the method, with its markers.
        width: pixels.
    """

    name: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    dash: str = ""
    width: float = 2.0

    @property
    def marked(self) -> bool:
        """Whether the curve has markers: it is the one by which a method is known."""
        return self.name != "truth" and not self.dash

    @property
    def stroke(self) -> str:
        """Its dash."""
        return self.dash or ("solid" if self.name == "truth" else dash(self.name))

    @property
    def colour(self) -> str:
        """Of the method; grey for the truth."""
        return TRUTH if self.name == "truth" else colour(self.name)


class Chart:
    """Curves of any number on common axes.

    Args:
        title: over the chart.
        x: words along the horizontal axis.
        y: words along the vertical axis.
        ideal: height of a dotted line, where there is an ideal.
        top: the vertical axis runs from 0 to here, up to four times as far where curves need it.
        axes: kinds of the axes, for Bokeh's figure.
    """

    def __init__(
        self, title: str, x: str, y: str, *, ideal: float | None = None,
        top: float | None = None, **axes: object,
    ) -> None:
        self._top, ranged = top, {} if top is None else {"y_range": (0, top)}
        self.source = ColumnDataSource(_columns([]), name=f"chart {title}")
        self.figure = figure(
            width=300, height=220, tools="", toolbar_location=None, outline_line_color=None,
            title=Title(text=title, text_font_size="12px", standoff=4), min_border_right=12,
            html_attributes=accessible_name(title),
            **ranged, **axes,
        )
        lines = self.figure.multi_line(
            "xs", "ys", source=self.source, line_color="colour", line_width="width",
            line_dash="dash",
        )
        self.marks = ColumnDataSource(_marks([]))
        self.figure.scatter("x", "y", source=self.marks, color="colour", size=6,
                            marker="marker")
        if ideal is not None:
            self.figure.add_layout(Span(location=ideal, dimension="width", line_dash="dotted",
                                        css_variables=EDGE))
        self.figure.add_tools(HoverTool(
            renderers=[lines], tooltips=[("", "@name"), (x, "$x"), (y, "$y")], line_policy="nearest"
        ))
        style_axis(self.figure.xaxis, x)
        style_axis(self.figure.yaxis, y)
        self.pane = pn.pane.Bokeh(self.figure, margin=0)

    def show(self, lines: Sequence[Line], **words: str) -> None:
        """Draw other curves.

        Args:
            lines: the curves, the last one on top.
            words: other words along ``x`` or ``y``.
        """
        for side, text in words.items():
            getattr(self.figure, f"{side}axis")[0].axis_label = text
        self.source.data, self.marks.data = _columns(lines), _marks(lines)
        if self._top is not None:
            highest = max((np.nan_to_num(line.y).max(initial=0.0) for line in lines), default=0.0)
            assign(self.figure.y_range, end=float(np.clip(highest, self._top, 4 * self._top)))

    def title(self, text: str) -> None:
        """Other words over the chart."""
        self.figure.title.text = text
        self.figure.html_attributes = accessible_name(text)

    def set_size(self, width: int, height: int) -> None:
        """Make the chart as wide and high as that [pixels]."""
        self.figure.update(width=width, height=height)


def _columns(lines: Sequence[Line]) -> dict[str, list]:
    return {
        "xs": [np.asarray(line.x) for line in lines], "ys": [np.asarray(line.y) for line in lines],
        "name": [line.name for line in lines], "colour": [line.colour for line in lines],
        "width": [line.width for line in lines],
        "dash": [line.stroke for line in lines],
    }


def _marks(lines: Sequence[Line]) -> dict[str, list]:
    """Some points of every curve, with the marker of its method."""
    columns: dict[str, list] = {"x": [], "y": [], "colour": [], "marker": []}
    for line in lines:
        if not line.marked:
            continue
        chosen = slice(None, None, -(-len(line.x) // MARKS) or 1)
        x, y = np.asarray(line.x)[chosen], np.asarray(line.y)[chosen]
        columns["x"] += list(x)
        columns["y"] += list(y)
        columns["colour"] += [line.colour] * len(x)
        columns["marker"] += [marker(line.name)] * len(x)
    return columns


def legend(names: Sequence[str]) -> str:
    """The truth and the methods with their looks, as HTML."""
    chips = "".join(f"<span>{legend_glyph(name)} {name}</span>" for name in ("truth", *names))
    return f"<div class='lab-legend'>{chips}</div>"


LEGEND = """
.lab-legend { display: flex; flex-wrap: wrap; gap: 4px 18px; align-items: center; font-size: 12.5px;
  color: var(--lab-ink); }
.lab-legend .legend-glyph { margin-right: 3px; }
"""
