"""Maps of the Panel app: Bokeh figures that are built once and then updated.

A HoloViews ``Pipe`` takes about 20 ms per map and 40 ms per set of curves on one core, all of it
on the server's event loop, which also serves the controls. Setting the data of a Bokeh source takes
less than 1 ms, so the live figures use Bokeh directly.

Text, axes and grids take their colours from the style sheet of the page and thus from its theme.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.events import DoubleTap
from bokeh.models import (
    BoxAnnotation,
    BoxZoomTool,
    ColumnDataSource,
    CustomJS,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Range1d,
    Title,
)
from bokeh.plotting import figure

from ...pictures.axes import FLAT, Axes
from ...pictures.field_plot import FieldPlot
from ...pictures.grid_layout import BOTTOM, LEFT, SIDE, TITLE
from ...pictures.style import TRUTH, UNOBSERVED, palette

QUIET = {"--bk-text-color": "var(--lab-muted)"}
EDGE = {"--bk-line-color": "var(--lab-edge)"}
_EMPTY = np.full((2, 2), np.nan, dtype=np.float32)
_PALETTES = {kind: palette(kind) for kind in ("diverging", "sequential")}
_NOTHING = "rgba(0, 0, 0, 0)"

OWN = ("attractor", "density", "flow")
"""Kinds of axes that maps do not share."""

INK = "#101820"
"""Colour of the true tracers on a flow."""


class Map:
    """One plot on a given scale: a map, sites over time, curves over time, or an attractor.

    Dragging a rectangle zooms all maps that share the ranges; a double click resets them.

    Args:
        ranges: x and y range, shared with other maps.
    """

    def __init__(self, ranges: tuple[Range1d, Range1d]) -> None:
        self.source = ColumnDataSource({"image": [_EMPTY]})
        lines, points = _curves(FieldPlot(""), TRUTH)
        self.lines, self.points = ColumnDataSource(lines), ColumnDataSource(points)
        self.area = ColumnDataSource(_area(FieldPlot("")))
        self.mapper = LinearColorMapper(
            _PALETTES["diverging"], low=-1, high=1, nan_color=UNOBSERVED
        )
        self.title = Title(text=" ", text_font_size="12px", standoff=1)
        self.note = Title(
            text=" ", text_font_size="11px", text_font_style="normal", standoff=3,
            css_variables=QUIET,
        )
        self.figure = figure(
            frame_width=192, frame_height=192, x_range=ranges[0], y_range=ranges[1], tools="",
            toolbar_location=None, title=self.title, outline_line_color=None, outline_line_width=2,
            min_border_left=LEFT, min_border_right=SIDE, min_border_top=TITLE,
            min_border_bottom=BOTTOM,
        )
        self._shared, self._own = ranges, (Range1d(-1, 1), Range1d(-1, 1))
        self._shown, self._has_curves, self._has_area = _EMPTY, False, False
        self._axes: Axes | None = None
        self._draw()
        self._set_axes(FLAT)

    def _draw(self) -> None:
        """Add the parts of the figure."""
        self.figure.add_layout(self.note, "above")
        self.veil = make_veil()
        self.figure.add_layout(self.veil)
        self.image = self.figure.image("image", source=self.source, color_mapper=self.mapper,
                                       x=0, y=0, dw=1, dh=1)
        self.hover = HoverTool(renderers=[self.image])
        self.figure.add_tools(self.hover)
        zoom = BoxZoomTool()
        self.figure.add_tools(zoom)
        self.figure.toolbar.active_drag = zoom
        self.figure.js_on_event(
            DoubleTap, CustomJS(args={"figure": self.figure}, code="figure.reset.emit()")
        )
        for axis in (self.figure.xaxis, self.figure.yaxis):
            style_axis(axis)

    def set_size(self, size: int, left: bool) -> None:
        """Set the size of the frame [pixels]; show the y axis if the map is at the left."""
        assign(self.figure, frame_width=size, frame_height=size,
               min_border_left=LEFT if left else SIDE)
        assign(self.figure.yaxis[0], visible=left)

    def show(self, name: str, plot: FieldPlot, accent: str | None = None) -> None:
        """Draw a plot; only differences from the last one are sent.

        Args:
            name: name for the Bokeh source.
            plot: the plot.
            accent: colour of the frame and of the main curve.
        """
        assign(self.source, name=f"map {name}")
        assign(self.title, text=plot.title)
        assign(self.figure, outline_line_color=accent, html_attributes=accessible_name(plot.title))
        assign(self.note, text=plot.note or " ")
        assign(self.veil, visible=plot.dimmed)
        self._set_axes(plot.axes)
        values = _EMPTY if plot.values is None else plot.values.astype(np.float32)
        assign(
            self.mapper, palette=_PALETTES[plot.kind], high=plot.limit,
            low=0.0 if plot.kind == "sequential" else -plot.limit,
            nan_color=_NOTHING if plot.values is None else UNOBSERVED,
        )
        if not np.array_equal(values, self._shown, equal_nan=True):
            self._shown = values
            self.source.data = {"image": [values]}
            self._draw_curves(plot, accent or TRUTH)

    def _draw_curves(self, plot: FieldPlot, hue: str) -> None:
        """Draw the curves of a plot; their glyphs are made for the first plot that has any."""
        if (plot.curves or plot.cloud is not None) and not self._has_curves:
            self._has_curves = True
            self.figure.multi_line("xs", "ys", source=self.lines, line_color="colour",
                                   line_width="width", line_alpha="alpha", line_dash="dash")
            self.figure.scatter("x", "y", source=self.points, fill_color="colour",
                                line_color="edge", size=5)
        if self._has_curves:
            self.lines.data, self.points.data = _curves(plot, hue)
        if plot.area is not None and not self._has_area:
            self._has_area = True
            self.figure.varea("x", "low", "high", source=self.area, fill_color=TRUTH,
                              fill_alpha=0.35, level="underlay")
        if self._has_area:
            self.area.data = _area(plot)

    def _set_axes(self, axes: Axes) -> None:
        """Draw new axes if they differ."""
        if axes == self._axes:
            return
        self._axes = axes
        point = axes.kind in ("point", "attractor", "density")
        x_range = self._own[0] if axes.kind in OWN else self._shared[0]
        y_range = self._own[1] if axes.kind in ("point", *OWN) else self._shared[1]
        assign(self.figure, x_range=x_range, y_range=y_range)
        for side, span in ((axes.x, x_range), (axes.y, y_range)):
            span.update(start=side.start, end=side.end, reset_start=side.start, reset_end=side.end)
        for axis, side in ((self.figure.xaxis[0], axes.x), (self.figure.yaxis[0], axes.y)):
            axis.ticker = FixedTicker(ticks=list(side.ticks))
            axis.major_label_overrides = side.labels
        for grid in self.figure.grid:
            assign(grid, visible=point)
        self.image.visible = not point
        self.image.glyph.update(
            x=axes.x.start, y=axes.y.start, dw=axes.x.end - axes.x.start,
            dh=axes.y.end - axes.y.start,
        )
        across = "{0.00}" if axes.kind == "flow" else "{0}"
        digits = "{0}" if axes.kind == "plane" else "{0.00}"
        self.hover.tooltips = [
            (f"{axes.x.name}, {axes.y.name}", f"$x{across}, $y{digits}"), ("value", "@image{0.00}"),
        ]


def _curves(plot: FieldPlot, main: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The curves of a picture for Bokeh (truth, members, the main one), and its points.

    Points are those of the main curve over time, or the cloud on an attractor.

    Args:
        plot: the picture.
        main: colour of all curves but the truth.
    """
    if plot.axes.kind == "flow":
        return _flow(plot, main)
    if not plot.curves:
        return dict.fromkeys(LINES, []), dict.fromkeys(POINTS, [])
    first, *members = (_line(curve, plot) for curve in plot.curves)
    truth = [] if plot.truth is None else [_line(plot.truth, plot)]
    dashed = [] if plot.dashed is None else [_line(plot.dashed, plot)]
    stages = [_line(curve, plot) for curve in plot.stages]
    curves = [*truth, *members, first, *dashed, *stages]
    some, passed = len(dashed), len(stages)
    faint = min(0.5, 12 / max(len(members), 1))  # a crowd hides the truth
    lines = {
        "xs": [x for x, _ in curves], "ys": [y for _, y in curves],
        "colour": [TRUTH] * len(truth) + [main] * (len(members) + 1) + [TRUTH] * some
        + [main] * passed,
        "width": [3.0] * len(truth) + [0.8] * len(members) + [2.0] + [1.2] * some + [1.4] * passed,
        "alpha": [0.6] * len(truth) + [faint] * len(members) + [1.0] * (1 + some + passed),
        "dash": ["solid"] * (len(curves) - some - passed) + ["dashed"] * some
        + ["dotdash", "dotted"][:passed],
    }
    if plot.axes.kind == "density":
        return lines, dict.fromkeys(POINTS, [])
    x, y = first if plot.cloud is None else plot.cloud
    return lines, {"x": x, "y": y, "colour": [main] * len(x), "edge": [main] * len(x)}


LINES = ("xs", "ys", "colour", "width", "alpha", "dash")
POINTS = ("x", "y", "colour", "edge")
"""Columns of curves and of points."""


def _flow(plot: FieldPlot, main: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The trails of a picture of a flow for Bokeh, and its tracers, with light edges."""
    hue, count = INK if main == TRUTH else main, len(plot.curves)
    lines = {
        "xs": [curve[0] for curve in plot.curves], "ys": [curve[1] for curve in plot.curves],
        "colour": [hue] * count, "width": [1.0] * count, "alpha": [0.7] * count,
        "dash": ["solid"] * count,
    }
    x, y = np.empty((2, 0)) if plot.cloud is None else plot.cloud
    return lines, {"x": x, "y": y, "colour": [hue] * len(x), "edge": ["#ffffff"] * len(x)}


def _area(plot: FieldPlot) -> dict[str, Any]:
    """The filled area of a picture for Bokeh, from the bottom of the frame up to its curve."""
    if plot.area is None:
        return {"x": [], "low": [], "high": []}
    x, high = plot.area
    return {"x": x, "low": np.full(len(x), plot.axes.y.start), "high": high}


def _line(curve: np.ndarray, plot: FieldPlot) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of a curve over time, or of a path on an attractor."""
    if curve.ndim == 2:
        return curve[0], curve[1]
    time = plot.axes.x
    inset = (time.end - time.start) / len(curve) / 2
    return np.linspace(time.start + inset, time.end - inset, len(curve)), curve


def accessible_name(title: str) -> dict[str, str]:
    """Return the HTML attributes that name a figure for assistive technology."""
    return {"role": "img", "aria-label": f"Figure: {title}"}


def set_visible(pane: pn.pane.Bokeh, on: bool) -> None:
    """Show or hide a figure: first the figure, whose visibility its pane takes over."""
    pane.object.visible = on
    pane.visible = on


def make_veil() -> BoxAnnotation:
    """Make a veil over the frame of a figure, hidden at first, which dims what it shows."""
    return BoxAnnotation(
        fill_alpha=0.62, line_color=None, visible=False, level="overlay",
        css_variables={"--bk-fill-color": "var(--lab-card)"},
    )


def shared_ranges() -> tuple[Range1d, Range1d]:
    """Make the ranges of linked maps."""
    return Range1d(0, 1), Range1d(0, 1)


def style_axis(axis: Any, label: str | None = None) -> None:
    """Style an axis with small labels and few lines."""
    axis.axis_label = label
    axis.axis_label_text_font_style = "normal"
    axis.axis_label_text_font_size = axis.major_label_text_font_size = "10px"
    axis.axis_label_standoff, axis.major_label_standoff = 2, 2
    axis.minor_tick_line_color = axis.axis_line_color = None
    axis.major_tick_in, axis.major_tick_out = 0, 3


def assign(model: Any, **values: object) -> None:
    """Set only values that differ: Bokeh sends every assignment."""
    changed = {k: v for k, v in values.items() if getattr(model, k) != v}
    if changed:
        model.update(**changed)
