"""Small charts of curves in the styles of their methods, built once and then updated."""

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
"""Approximate number of markers on a curve."""


@dataclass(frozen=True)
class Line:
    """One curve.

    Args:
        name: label of a method, or ``truth``.
        x: abscissae.
        y: values.
        dash: dash pattern of Bokeh; by default that of the method, with its markers.
        width: line width [pixels].
        label: name of the curve where the pointer is, unless it is that of its method.
    """

    name: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    dash: str = ""
    width: float = 2.0
    label: str = ""

    @property
    def marked(self) -> bool:
        """True if the curve has the markers of its method."""
        return self.name != "truth" and not self.dash

    @property
    def stroke(self) -> str:
        """Dash pattern of the curve."""
        return self.dash or ("solid" if self.name == "truth" else dash(self.name))

    @property
    def colour(self) -> str:
        """Colour of the method; grey for the truth."""
        return TRUTH if self.name == "truth" else colour(self.name)


class Chart:
    """Any number of curves on common axes.

    Args:
        title: title of the chart.
        x: label of the x axis.
        y: label of the y axis.
        ideal: height of a dotted reference line, if there is an ideal value.
        top: upper limit of the y axis, extended up to four times if curves need it.
        axes: axis options of Bokeh's figure.
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
        """Draw new curves.

        Args:
            lines: the curves, the last one on top.
            words: new labels of the ``x`` or ``y`` axis.
        """
        for side, text in words.items():
            getattr(self.figure, f"{side}axis")[0].axis_label = text
        self.source.data, self.marks.data = _columns(lines), _marks(lines)
        if self._top is not None:
            highest = max((np.nan_to_num(line.y).max(initial=0.0) for line in lines), default=0.0)
            assign(self.figure.y_range, end=float(np.clip(highest, self._top, 4 * self._top)))

    def title(self, text: str) -> None:
        """Set the title."""
        self.figure.title.text = text
        self.figure.html_attributes = accessible_name(text)

    def set_size(self, width: int, height: int) -> None:
        """Set width and height of the chart [pixels]."""
        self.figure.update(width=width, height=height)


def _columns(lines: Sequence[Line]) -> dict[str, list]:
    return {
        "xs": [np.asarray(line.x) for line in lines], "ys": [np.asarray(line.y) for line in lines],
        "name": [line.label or line.name for line in lines],
        "colour": [line.colour for line in lines],
        "width": [line.width for line in lines],
        "dash": [line.stroke for line in lines],
    }


def _marks(lines: Sequence[Line]) -> dict[str, list]:
    """Select some points of every curve, with the marker of its method."""
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
    """Render the legend of truth and methods as HTML."""
    chips = "".join(f"<span>{legend_glyph(name)} {name}</span>" for name in ("truth", *names))
    return f"<div class='lab-legend'>{chips}</div>"


LEGEND = """
.lab-legend { display: flex; flex-wrap: wrap; gap: 4px 18px; align-items: center; font-size: 12.5px;
  color: var(--lab-ink); }
.lab-legend .legend-glyph { margin-right: 3px; }
"""
