"""Map to paint sensors on: a field, the observed cells, and mouse gestures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, LinearColorMapper, Range1d, Title
from bokeh.plotting import figure
from panel.widgets import RadioButtonGroup
from torch import Tensor

from ...model.sensor_mask import Point
from ...pictures.field_plot import FieldPlot
from ...pictures.style import UNOBSERVED, palette
from .field_map import assign, style_axis

Strokes = Callable[[list[Point], list[str]], None]

_GESTURE = (Path(__file__).parent / "gesture.js").read_text()
_SYNC = "target.tags = target.tags.with({}, source.labels[source.active])"
_EMPTY = np.full((2, 2), np.nan, dtype=np.float32)
_PALETTES = {kind: palette(kind) for kind in ("diverging", "sequential")}
_INK, _PAPER, _NOTHING = "#111827", "#ffffff", "rgba(0, 0, 0, 0)"


class SensorMap:
    """A map that reports strokes of the mouse.

    The browser draws a drag and sends it when it ends; points are in cells.

    Args:
        size: height of the frame [pixels].
        on_stroke: called with the path of every drag or click, and the selected tool and effect.
    """

    def __init__(self, size: int, on_stroke: Strokes) -> None:
        self.size, self._on_stroke = size, on_stroke
        self.plane = (1, 1)
        self.field = ColumnDataSource({"image": [_EMPTY], "dw": [1], "dh": [1]}, name="sensor map")
        self.sensors = ColumnDataSource({"x": [], "y": []}, name="sensors")
        self.best = ColumnDataSource({"x": [], "y": []}, name="best place")
        self.gesture = ColumnDataSource({"x": [], "y": []}, name="gesture")
        self.preview = ColumnDataSource({"x": [], "y": []}, name="stroke")
        self.mapper = LinearColorMapper(_PALETTES["diverging"], low=-1, high=1,
                                        nan_color=UNOBSERVED)
        self.title = Title(text=" ", text_font_size="12px", standoff=4)
        self.figure = figure(
            frame_width=size, frame_height=size, x_range=Range1d(0, 1), y_range=Range1d(0, 1),
            tools="", toolbar_location=None, title=self.title, outline_line_color=None,
            min_border_left=52, min_border_right=14, min_border_top=26, min_border_bottom=40,
        )
        self._draw_field()
        self._draw_sensors()
        self._listen()

    def _draw_field(self) -> None:
        self.figure.image("image", source=self.field, color_mapper=self.mapper, x=0, y=0,
                          dw="dw", dh="dh")
        self.figure.grid.visible = False
        style_axis(self.figure.xaxis)
        style_axis(self.figure.yaxis)

    def _draw_sensors(self) -> None:
        self.dots = self.figure.circle(
            "x", "y", source=self.sensors, radius=0.3, radius_dimension="min", line_width=0.8,
            fill_color=_INK, line_color=_PAPER,
        )
        self.star = self.figure.scatter(
            "x", "y", source=self.best, marker="star", size=20, line_width=1.2,
            fill_color=_PAPER, line_color=_INK,
        )
        self.path = self.figure.line("x", "y", source=self.preview, line_color=_INK,
                                     line_alpha=0.45, line_cap="round", line_join="round")
        self.patch = self.figure.patch("x", "y", source=self.preview, line_color=_INK,
                                       fill_color=_INK, fill_alpha=0.25, line_width=1.5)

    def _listen(self) -> None:
        watched = {"plot": self.figure, "preview": self.preview, "gesture": self.gesture}
        code = CustomJS(args=watched, code=_GESTURE)
        for event in ("tap", "panstart", "pan", "panend"):
            self.figure.js_on_event(event, code)
        self.gesture.on_change("data", lambda attr, old, new: self._on_gesture(new))

    def _on_gesture(self, data: dict) -> None:
        """Pass on a path from the browser, in cells."""
        if len(data["x"]):
            self._on_stroke(self.cells(data["x"], data["y"]), self.gesture.tags)

    def cells(self, x: Sequence[float], y: Sequence[float]) -> list[Point]:
        """Convert points from the units of the axes to cells."""
        columns = np.asarray(x, dtype=float) * (self.plane[1] / self.figure.x_range.end)
        rows = np.asarray(y, dtype=float) * (self.plane[0] / self.figure.y_range.end)
        return list(zip(columns.tolist(), rows.tolist(), strict=True))

    # --- what is shown --------------------------------------------------------------------------

    def frame(
        self, plane: tuple[int, int], extent: tuple[float, float], words: tuple[str, str]
    ) -> None:
        """Set shape and extent of the plane.

        Args:
            plane: rows and columns.
            extent: height and width in the units of the axes.
            words: labels of the y and the x axis.
        """
        self.plane = plane
        (height, width), (rows, columns) = extent, plane
        self.resize(self.size)
        self.figure.x_range.update(end=width)
        self.figure.y_range.update(end=height)
        self.field.data = {"image": [_EMPTY], "dw": [width], "dh": [height]}
        self.dots.glyph.radius = 0.3 * min(width / columns, height / rows)
        self.figure.yaxis.axis_label, self.figure.xaxis.axis_label = words

    def resize(self, size: int) -> None:
        """Set the longer side of the frame [pixels]; the other is shorter for elongated planes."""
        self.size, (rows, columns) = size, self.plane
        self.figure.update(
            frame_width=size // 4 if columns < rows / 2 else size,
            frame_height=size // 2 if rows < columns / 2 else size,
        )

    def pen(self, tool: str, width: float) -> None:
        """Draw drags as strokes of a tool, ``width`` cells wide."""
        solid = tool in ("box", "lasso")
        self.path.visible, self.patch.visible = not solid, solid
        self.path.glyph.line_width = max(width * self.figure.frame_width / self.plane[1], 2)

    def sync_tool(self, *choices: RadioButtonGroup) -> None:
        """Keep the browser informed of the selected tool and effect without a round trip.

        Args:
            choices: the button groups that select them, the tool first.
        """
        self.preview.tags = [choice.value for choice in choices]
        for number, choice in enumerate(choices):
            choice.jslink(self.preview, code={"value": _SYNC.format(number)})

    def show(self, plot: FieldPlot) -> None:
        """Draw a field."""
        values = _EMPTY if plot.values is None else plot.values.astype(np.float32)
        low = 0.0 if plot.kind == "sequential" else -plot.limit
        blank = _NOTHING if plot.values is None else UNOBSERVED
        assign(self.mapper, palette=_PALETTES[plot.kind], low=low, high=plot.limit,
               nan_color=blank)
        words = " · ".join(part for part in (plot.title, plot.note) if part)
        assign(self.title, text=words)
        if not np.array_equal(values, self.field.data["image"][0], equal_nan=True):
            self.field.data = {**self.field.data, "image": [values]}

    def mark(self, cells: Tensor, observing: bool) -> None:
        """Draw a dot in every observed cell of the plane.

        Args:
            cells: boolean, shaped like the plane.
            observing: whether the network observes at that time; if not, dots are faint.
        """
        assign(self.dots.glyph, fill_alpha=0.9 if observing else 0.25)
        self._set_points(self.sensors, *np.nonzero(cells.numpy()))

    def point_at(self, rows: Sequence[int], columns: Sequence[int]) -> None:
        """Draw a star in the given cells of the plane."""
        self._set_points(self.best, np.asarray(rows), np.asarray(columns))

    def _set_points(self, source: ColumnDataSource, rows: np.ndarray, columns: np.ndarray) -> None:
        """Set the points of a source to the centres of cells, if they differ."""
        x = ((columns + 0.5) * (self.figure.x_range.end / self.plane[1])).astype(np.float32)
        y = ((rows + 0.5) * (self.figure.y_range.end / self.plane[0])).astype(np.float32)
        if not (np.array_equal(x, source.data["x"]) and np.array_equal(y, source.data["y"])):
            source.data = {"x": x, "y": y}
