"""The pictures of the Panel skin: Bokeh figures that are built once and then fed.

A HoloViews ``Pipe`` takes about 20 ms per map and 40 ms per set of curves on one core, all of it
on the server's event loop, where every control waits too. Setting the data of a Bokeh source takes
under one, so the live figures are Bokeh's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    Label,
    Legend,
    LegendItem,
    LinearColorMapper,
    Range1d,
    Span,
    Title,
)
from bokeh.plotting import figure

from .board import BOTTOM, LEFT, SIDE, TITLE
from .colours import UNOBSERVED, colour, dash, marker, palette
from .display import Picture

_EMPTY = np.full((2, 2), np.nan, dtype=np.float32)
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_NO_CURVE = {"x": np.zeros(1), "y": np.full(1, np.nan)}  # not empty: the legend draws its glyph
_PALETTES = {kind: palette(kind) for kind in ("diverging", "sequential")}
_QUIET, _EDGE = {"--bk-text-color": "var(--lab-muted)"}, {"--bk-line-color": "var(--lab-edge)"}
_NOTHING = "rgba(0, 0, 0, 0)"


class Map:
    """One map, in km, on a scale given from outside.

    Args:
        extent: length of a side of the domain [km].
        ranges: x and y range to share with other maps.
    """

    def __init__(self, extent: float, ranges: tuple[Range1d, Range1d]) -> None:
        self.source = ColumnDataSource({"image": [_EMPTY]})
        self.mapper = LinearColorMapper(
            _PALETTES["diverging"], low=-1, high=1, nan_color=UNOBSERVED
        )
        self.title = Title(text=" ", text_font_size="12px", standoff=1)
        self.note = Title(
            text=" ", text_font_size="11px", text_font_style="normal", standoff=3,
            css_variables=_QUIET,
        )
        self.figure = figure(
            frame_width=192, frame_height=192, x_range=ranges[0], y_range=ranges[1], tools="",
            toolbar_location=None, title=self.title, outline_line_color=None, outline_line_width=2,
            min_border_left=LEFT, min_border_right=SIDE, min_border_top=TITLE,
            min_border_bottom=BOTTOM,
        )
        self.figure.add_layout(self.note, "above")
        self.figure.image(
            "image", source=self.source, color_mapper=self.mapper, x=0, y=0, dw=extent, dh=extent
        )
        self.figure.add_tools(HoverTool(tooltips=[
            ("x, y", "$x{0}, $y{0} km"), ("value", "@image{0.00}"),
        ]))
        self.figure.grid.visible = False
        ticks = [0, extent / 2, extent]
        for axis in (self.figure.xaxis, self.figure.yaxis):
            _plain(axis)
            axis.ticker = FixedTicker(ticks=ticks)
            axis.major_label_overrides = {ticks[1]: f"{ticks[1]:.0f} km"}
        self._shown = _EMPTY

    def place(self, size: int, left: bool) -> None:
        """Make the square ``size`` pixels wide; draw the y axis if it stands at the left."""
        _set(self.figure, frame_width=size, frame_height=size,
             min_border_left=LEFT if left else SIDE)
        _set(self.figure.yaxis[0], visible=left)

    def show(self, name: str, picture: Picture, accent: str | None = None) -> None:
        """Draw a picture; only what differs from the last one is sent.

        Args:
            name: of what is shown, for the Bokeh source.
            picture: the picture.
            accent: colour of the frame.
        """
        _set(self.source, name=f"map {name}")
        _set(self.title, text=picture.title)
        _set(self.figure, outline_line_color=accent)
        _set(self.note, text=picture.note or " ")
        values = _EMPTY if picture.values is None else picture.values.astype(np.float32)
        _set(
            self.mapper, palette=_PALETTES[picture.kind], high=picture.limit,
            low=0.0 if picture.kind == "sequential" else -picture.limit,
            nan_color=_NOTHING if picture.values is None else UNOBSERVED,
        )
        if not np.array_equal(values, self._shown, equal_nan=True):
            self._shown = values
            self.source.data = {"image": [values]}


class Curves:
    """RMSE of every method against the day, on a logarithmic scale that stays.

    Args:
        days: steps of the window.
        names: every method there may be.
    """

    def __init__(self, days: int, names: Iterable[str]) -> None:
        self.days = np.arange(days)
        self.figure = figure(
            width=400, height=200, x_range=Range1d(-0.2, days - 0.8),
            y_range=Range1d(0.04, 2.0), y_axis_type="log", tools="", toolbar_location=None,
            outline_line_color=None, min_border_left=LEFT, min_border_right=SIDE,
            title=Title(text="RMSE of the ensemble mean", text_font_size="12px",
                        standoff=4),
        )
        _plain(self.figure.xaxis, "time (days)")
        _plain(self.figure.yaxis, "RMSE / climatological std")
        self.figure.xaxis.ticker = FixedTicker(ticks=list(range(days)))
        self.figure.yaxis.ticker = FixedTicker(ticks=list(_TICKS))
        self._references()
        self.sources = {n: ColumnDataSource(_NO_CURVE, name=f"curve {n}") for n in names}
        self._entries = {name: self._entry(name) for name in self.sources}
        self.legend = Legend(
            items=[], border_line_color=None, label_text_font_size="11px", padding=4, spacing=0,
            margin=4, background_fill_alpha=0, label_height=16, glyph_height=16,
        )
        self.figure.add_layout(self.legend, "right")
        self.figure.add_tools(HoverTool(tooltips=[("day", "@x"), ("RMSE", "@y{0.000}")]))

    def _references(self) -> None:
        level = Span(location=1.0, dimension="width", line_dash="dotted",
                     css_variables=_EDGE)
        self.day = Span(location=0, dimension="height", line_width=6,
                        line_alpha=0.25, css_variables=_EDGE)
        text = Label(x=0, y=1.0, y_offset=2, text="climatology",
                     text_font_size="10px", css_variables=_QUIET)
        for item in (level, self.day, text):
            self.figure.add_layout(item)

    def _entry(self, name: str) -> LegendItem:
        source = self.sources[name]
        line = self.figure.line("x", "y", source=source, line_color=colour(name), line_width=2,
                                line_dash=dash(name))
        points = self.figure.scatter("x", "y", source=source, marker=marker(name), size=6,
                                     color=colour(name))
        return LegendItem(label=name, renderers=[line, points])

    def place(self, size: tuple[int, int], names: Sequence[str]) -> None:
        """Make the figure as wide and high as ``size``, with a legend of the named methods."""
        _set(self.figure, width=size[0], height=size[1])
        _set(self.legend, items=[self._entries[name] for name in names])

    def show(self, curves: Mapping[str, np.ndarray]) -> None:
        """Draw the curves of the methods that have one; the others are empty."""
        for name, source in self.sources.items():
            values = curves.get(name, np.empty(0))
            data = {"x": self.days[: len(values)], "y": values} if len(values) else _NO_CURVE
            if not np.array_equal(source.data["y"], data["y"], equal_nan=True):
                source.data = data

    def floor(self, noise: float) -> None:
        """Leave room for errors well below the noise, and no more."""
        _set(self.figure.y_range, start=min(0.05, noise / 2.5))


def shared_ranges(extent: float) -> tuple[Range1d, Range1d]:
    """Ranges of linked maps of a domain with sides of ``extent`` km."""
    return Range1d(0, extent), Range1d(0, extent)


def _plain(axis: object, label: str | None = None) -> None:
    """Quiet axes: small grey type, no lines that are not needed."""
    axis.axis_label = label
    axis.axis_label_text_font_style = "normal"
    axis.axis_label_text_font_size = axis.major_label_text_font_size = "10px"
    axis.axis_label_standoff, axis.major_label_standoff = 2, 2
    axis.minor_tick_line_color = axis.axis_line_color = None
    axis.major_tick_in, axis.major_tick_out = 0, 3


def _set(model: object, **values: object) -> None:
    """Set what differs: Bokeh sends every assignment."""
    changed = {k: v for k, v in values.items() if getattr(model, k) != v}
    if changed:
        model.update(**changed)
