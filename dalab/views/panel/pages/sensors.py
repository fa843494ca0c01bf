"""Sensors page: paint the observing network, and map the value of one more sensor."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import panel as pn
from panel.io import unlocked
from torch import Tensor

from ....experiments.config import unique_labels
from ....systems import SYSTEMS
from ...model.display import TRUTH as TRUE_FIELD
from ...model.lab import LabModel
from ...model.sensor_mask import ONCE, TOOLS, TRUTH, VALUE, Painting, Point, SensorEditor, box
from ...model.sensor_value import SensorQuery, SensorValue, SensorValueWorker
from ...pictures.axes import map_extent
from ...pictures.field_plot import FieldPlot, round_up
from ...render.html import COLORBAR_CSS, colorbar_html
from ..plots.sensor_map import SensorMap
from .sensor_controls import SIDE, map_fields, tools

SIZE, LEAST = 540, 420
"""Size of the map in a window of 1280 by 800, and its minimum [pixels]."""

BESIDE, ABOVE = SIDE + 90, 226
"""Space beside the frame of the map, and above and below it [pixels]."""

NO_RUN = "Press Run: the value of a sensor needs the posterior of a run with two or more members."


class SensorsPage:
    """A map to paint on, tools, and the value of one more sensor.

    Args:
        model: view-model whose mask is painted.
    """

    def __init__(self, model: LabModel) -> None:
        self.model, self.controls, self.display = model, model.controls, model.display
        self.editor, self.painting = SensorEditor(), Painting(model.controls)
        self.worker = SensorValueWorker()
        self.value: SensorValue | None = None
        self.map = SensorMap(SIZE, self.stroke)
        self.legend = pn.pane.HTML("", margin=0, height=20, stylesheets=[COLORBAR_CSS])
        self.message = pn.pane.HTML("", margin=(0, 10), width=SIDE - 20, stylesheets=[MESSAGE_CSS])
        self._requested: Any = None
        self._drawn: Any = None
        self._system, self._was_pending, self._active = "", False, False
        side, self.buttons = tools(self.editor, self._actions(), self.poll)
        self.map.sync_tool(*side.select(pn.widgets.RadioButtonGroup))
        side.append(self.message)
        self.top = map_fields(self.display, self.editor, SIZE)
        left = pn.Column(self.top, pn.pane.Bokeh(self.map.figure, margin=0), self.legend, margin=0)
        self.layout = pn.Row(left, side, margin=0)
        self._take_pen()
        self.editor.param.watch(lambda *events: self._take_pen(), ["tool", "width"])
        seen = ["backdrop", "method", "sensor", "radius", "when"]
        self.editor.param.watch(lambda *events: self.poll(), seen)
        self.display.param.watch(lambda *events: self.poll(), ["time", "layer"])

    # --- mouse and buttons ----------------------------------------------------------------------

    def stroke(self, points: list[Point], hand: Sequence[str]) -> None:
        """Paint a drag or click.

        Args:
            points: path of the stroke.
            hand: tool and effect known to the browser; those of the editor if empty.
        """
        editor = self.editor
        editor.param.update(dict(zip(("tool", "effect"), hand, strict=False)))
        region = TOOLS[editor.tool](self.painting.plane, points, editor.width)
        drift = editor.drift if editor.tool == "track" else 0
        self.painting.paint(region, not editor.erases, self._day, drift)
        self.poll()

    def _rectangle(self) -> None:
        """Paint the rectangle given by the coordinate fields."""
        b = self.editor
        corners = self.map.cells([b.west, b.east], [b.south, b.north])
        self.painting.paint(box(self.painting.plane, corners), not b.erases, self._day)

    def _actions(self) -> dict[str, Callable[[], None]]:
        painting = self.painting
        return {
            "Undo": painting.undo, "Clear": painting.clear, "Invert": painting.invert,
            "Start from this mask": painting.take, "Paint rectangle": self._rectangle,
            "Show value": lambda: self.editor.param.update(backdrop=VALUE),
            "Add best": lambda: self._add(1), "Add best 10": lambda: self._add(10),
        }

    @property
    def _day(self) -> int | None:
        """The only step that is painted; ``None`` for all steps."""
        return self.display.state.time if self.editor.when == ONCE else None

    # --- the value of a sensor ------------------------------------------------------------------

    def _query(self) -> SensorQuery | None:
        """Return the query on the run shown; ``None`` if it has no answer."""
        b = self.editor
        if self.model.shown_entry is None or not b.method:
            return None
        return SensorQuery(b.method, b.param.sensor.objects.index(b.sensor), self._day, b.radius)

    def _add(self, count: int) -> None:
        """Place the best sensors as soon as they are found."""
        self.editor.backdrop = VALUE
        self._request(count)

    def _request(self, count: int = 0) -> None:
        """Request the value of a sensor unless it is known or requested already."""
        query, entry = self._query(), self.model.shown_entry
        requested = query, entry, self.model.config.masks
        if requested == self._requested and not count:
            return
        self._requested = requested
        if query is None or entry is None:
            self.value = None
            self.worker.drop()
            return self._show_message(NO_RUN)
        self._show_message("Looking for the best places …")
        self.worker.request(replace(query, count=count), lambda: entry.result,
                          self.painting.seen_by(query.instrument))

    def _receive(self, value: SensorValue | str) -> None:
        """Receive the value of a sensor, or an error message."""
        if isinstance(value, str):
            self.value = None
            return self._show_message(value)
        self.value = value
        if value.places:
            self.painting.add(value.places, value.query.day)
            self._requested = (*self._requested[:2], self.model.config.masks)
        self._show_message(_value_text(value))

    # --- display --------------------------------------------------------------------------------

    def resize(self, width: int, height: int) -> None:
        """Fit the map into the available space [pixels]."""
        size = max(min(width - BESIDE, height - ABOVE), LEAST)
        if size != self.map.size:
            self.map.resize(size)
            self.top.width = size
            self._take_pen()

    def set_active(self, shown: bool) -> None:
        """Activate or deactivate the page; only an active page is drawn."""
        self._active = shown
        self.poll()

    def poll(self) -> None:
        """Update from the model; called several times a second while active."""
        if not self._active:
            return
        value = self.worker.latest()
        if value is not None:
            self._receive(value)
        self._offer()
        if self.editor.backdrop == VALUE:
            self._request()
        drawn = (self.model.config, self.display.state, self.editor.backdrop,
                 self.model.shown_entry, self.value)
        pending = self.model.pending
        if pending or self._was_pending or drawn != self._drawn:
            self._drawn, self._was_pending = drawn, pending
            with unlocked():
                self._draw()

    def _offer(self) -> None:
        """Offer the methods and operators of the run."""
        entry = self.model.shown_entry
        ended = [] if entry is None else [n for n, s in entry.scores.items() if s.members > 1]
        texts = self.controls.operators if entry is None else entry.config.operators
        operators = list(unique_labels(texts))
        wanted = {"method": ended or [""], "sensor": operators or [""],
                  "backdrop": [TRUTH, *self.model.labels, VALUE]}
        for name, entries in wanted.items():
            if self.editor.param[name].objects != entries:
                self.editor.param[name].objects = entries
            if getattr(self.editor, name) not in entries:
                setattr(self.editor, name, entries[0])

    def _draw(self) -> None:
        """Draw the field, the sensors and the legend."""
        self._take_plane()
        day, interval = self.display.state.time, self.controls.interval
        cells = self.painting.cells
        observing = bool(interval) and day % interval == 0
        plot = self._field_plot()
        self.map.show(plot)
        self.map.mark(self.painting.shown(day), observing or self.painting.grid[0] == 1)
        self.map.point_at(*self._star())
        counted = _count_text(cells[day], f"{self.display.step_word} {day}", observing)
        scale = "" if plot.values is None else colorbar_html("", plot)
        text = f'<div class="lab-colorbars">{scale}<span>{counted}</span></div>'
        if text != self.legend.object:
            self.legend.object = text
        self.buttons["Undo"].disabled = not self.painting.undoable
        self.buttons["Start from this mask"].disabled = self.controls.mask == "painted"
        for name in ("Add best", "Add best 10"):
            self.buttons[name].disabled = self._query() is None

    def _take_plane(self) -> None:
        """Adopt the shape and axes of the system."""
        if self.controls.system == self._system:
            return
        self._system, plane = self.controls.system, self.painting.plane
        extent, words = map_extent(SYSTEMS.make(self._system), plane)
        self.map.frame(plane, extent, words)
        self.editor.param.update(west=0.0, east=extent[1] / 4, south=0.0, north=extent[0] / 4)
        self._take_pen()

    def _take_pen(self) -> None:
        self.map.pen(self.editor.tool, self.editor.width)

    def _field_plot(self) -> FieldPlot:
        if self.editor.backdrop != VALUE:
            name = self.editor.backdrop
            return self.display.field_plot(TRUE_FIELD if name == TRUTH else name)
        if self.value is None or self.value.share.shape != self.painting.grid:
            return FieldPlot("Value of one more sensor")
        share = self.value.share
        if self.painting.grid[0] == 1:
            share = np.broadcast_to(share, self.painting.plane)
        return FieldPlot(
            "Value of one more sensor", f"posterior of {self.value.query.method}", share,
            round_up(float(share.max())), "sequential", "% of the variance left",
        )

    def _star(self) -> tuple[list[int], list[int]]:
        """Return rows and columns of the best place, if the map shows the value of sensors."""
        value = self.value if self.editor.backdrop == VALUE else None
        if value is None or value.share.shape != self.painting.grid or not value.share.any():
            return [], []
        row, column = divmod(int(value.share.argmax()), value.share.shape[1])
        rows = range(self.painting.plane[0]) if self.painting.grid[0] == 1 else [row]
        return list(rows), [column] * len(rows)

    def _show_message(self, text: str) -> None:
        self.message.object = f'<div class="message" role="status">{html.escape(text)}</div>'


def sensors_page(model: LabModel) -> SensorsPage:
    """Make the sensors page of a model."""
    return SensorsPage(model)


def _count_text(cells: Tensor, when: str, observing: bool) -> str:
    """Describe the number of observed cells at one time."""
    count, total = int(cells.sum()), cells.numel()
    text = f"{when}: {count} of {total} cells ({100 * count / total:.1f} %)"
    if not observing:
        text += " · no observations at this time"
    return text


def _value_text(value: SensorValue) -> str:
    """Describe the value of the best sensor."""
    text = (f"A sensor at the star removes {value.share.max():.2g} % of the variance that the "
            "run left.")
    if value.ignored:
        text += f" {value.ignored} new sensors are not taken into account: press Run."
    return text


MESSAGE_CSS = """
.message { font-size: 12px; color: var(--lab-muted); font-variant-numeric: tabular-nums; }
"""
