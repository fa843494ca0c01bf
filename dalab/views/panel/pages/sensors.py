"""The page on which the observing system is painted, and which says where a sensor would help."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import panel as pn
from panel.io import unlocked
from torch import Tensor

from ....experiments.parts import labels, make_system
from ...model.lab import TRUTH as TRUE_FIELD
from ...model.lab import LabModel
from ...model.sensor_mask import ONCE, TOOLS, TRUTH, VALUE, Brushes, Painting, Point, box
from ...model.sensor_value import Answer, Prospect, Question
from ...pictures.picture import Picture, round_up
from ...render.html import SCALES, scale_html
from ..plots.sensor_map import SensorMap
from .sensor_controls import SIDE, looks, tools

SIZE, LEAST = 540, 420
"""Side of the map in a window of 1280 by 800, and the least there is [pixels]."""

BESIDE, ABOVE = SIDE + 90, 226
"""What stands beside the frame of the map, and above and below it [pixels]."""

NO_RUN = "Press Run: the posterior of a run with two members or more tells what a sensor is worth."


class SensorsPage:
    """A map to paint on, the tools, and the value of one more sensor.

    Args:
        model: whose mask is painted.
    """

    def __init__(self, model: LabModel) -> None:
        self.model, self.brushes, self.painting = model, Brushes(), Painting(model)
        self.prospect = Prospect()
        self.answer: Answer | None = None
        self.map = SensorMap(SIZE, self.stroke)
        self.legend = pn.pane.HTML("", margin=0, height=20, stylesheets=[SCALES])
        self.said = pn.pane.HTML("", margin=(0, 10), width=SIDE - 20, stylesheets=[SAID])
        self._asked: Any = None
        self._drawn: Any = None
        self._system, self._moving, self._front = "", False, False
        side, self.buttons = tools(self.brushes, self._acts(), self.tick)
        self.map.hold(*side.select(pn.widgets.RadioButtonGroup))
        side.append(self.said)
        self.top = looks(model, self.brushes, SIZE)
        left = pn.Column(self.top, pn.pane.Bokeh(self.map.figure, margin=0), self.legend, margin=0)
        self.layout = pn.Row(left, side, margin=0)
        self._take_pen()
        self.brushes.param.watch(lambda *events: self._take_pen(), ["tool", "width"])
        seen = ["backdrop", "method", "sensor", "radius", "when"]
        self.brushes.param.watch(lambda *events: self.tick(), seen)
        model.param.watch(lambda *events: self.tick(), ["time", "layer"])

    # --- what the mouse and the buttons do ------------------------------------------------------

    def stroke(self, points: list[Point], hand: Sequence[str]) -> None:
        """Paint what a drag or a click means.

        Args:
            points: its path.
            hand: tool and effect, as the browser knew them; those of the brushes if it is silent.
        """
        brushes = self.brushes
        brushes.param.update(dict(zip(("tool", "effect"), hand, strict=False)))
        region = TOOLS[brushes.tool](self.painting.plane, points, brushes.width)
        drift = brushes.drift if brushes.tool == "track" else 0
        self.painting.paint(region, not brushes.erases, self._day, drift)
        self.tick()

    def _rectangle(self) -> None:
        """Paint the rectangle that was typed."""
        b = self.brushes
        corners = self.map.cells([b.west, b.east], [b.south, b.north])
        self.painting.paint(box(self.painting.plane, corners), not b.erases, self._day)

    def _acts(self) -> dict[str, Callable[[], None]]:
        painting = self.painting
        return {
            "Undo": painting.undo, "Clear": painting.clear, "Invert": painting.invert,
            "Start from this mask": painting.take, "Paint rectangle": self._rectangle,
            "Show value": lambda: self.brushes.param.update(backdrop=VALUE),
            "Add best": lambda: self._add(1), "Add best 10": lambda: self._add(10),
        }

    @property
    def _day(self) -> int | None:
        """The only step that is painted, if not all are."""
        return self.model.look.time if self.brushes.when == ONCE else None

    # --- the value of a sensor ------------------------------------------------------------------

    def _question(self) -> Question | None:
        """What there is to ask of the run on show; ``None`` if it cannot answer."""
        b = self.brushes
        if self.model.kept is None or not b.method:
            return None
        return Question(b.method, b.param.sensor.objects.index(b.sensor), self._day, b.radius)

    def _add(self, count: int) -> None:
        """Place the best sensors, once they are found."""
        self.brushes.backdrop = VALUE
        self._ask(count)

    def _ask(self, count: int = 0) -> None:
        """Have the value found out, unless it is known or being found out."""
        question, kept = self._question(), self.model.kept
        asked = question, kept, self.model.config().masks
        if asked == self._asked and not count:
            return
        self._asked = asked
        if question is None or kept is None:
            self.answer = None
            self.prospect.drop()
            return self._say(NO_RUN)
        self._say("Looking for the best places …")
        self.prospect.ask(replace(question, count=count), lambda: kept.result,
                          self.painting.seen_by(question.instrument))

    def _hear(self, news: Answer | str) -> None:
        """Take in what has been found out."""
        if isinstance(news, str):
            self.answer = None
            return self._say(news)
        self.answer = news
        if news.places:
            self.painting.add(news.places, news.question.day)
            self._asked = (*self._asked[:2], self.model.config().masks)
        self._say(_worth(news))

    # --- what is shown --------------------------------------------------------------------------

    def fit(self, width: int, height: int) -> None:
        """Use the room that the window leaves [pixels]."""
        size = max(min(width - BESIDE, height - ABOVE), LEAST)
        if size != self.map.size:
            self.map.fit(size)
            self.top.width = size
            self._take_pen()

    def front(self, shown: bool) -> None:
        """Begin or cease to be seen: what nobody sees is not drawn."""
        self._front = shown
        self.tick()

    def tick(self) -> None:
        """Follow the model; called several times a second while in front."""
        if not self._front:
            return
        news = self.prospect.news()
        if news is not None:
            self._hear(news)
        self._offer()
        if self.brushes.backdrop == VALUE:
            self._ask()
        drawn = (self.model.config(), self.model.look, self.brushes.backdrop, self.model.kept,
                 self.answer)
        moving = self.model.pending
        if moving or self._moving or drawn != self._drawn:
            self._drawn, self._moving = drawn, moving
            with unlocked():
                self._draw()

    def _offer(self) -> None:
        """Let the methods and operators of the run be chosen."""
        kept = self.model.kept
        ended = [] if kept is None else [n for n, s in kept.scores.items() if s.members > 1]
        operators = self.model.operators if kept is None else labels(kept.config.operators)
        wanted = {"method": ended or [""], "sensor": operators or [""],
                  "backdrop": [TRUTH, *self.model.labels, VALUE]}
        for name, entries in wanted.items():
            if self.brushes.param[name].objects != entries:
                self.brushes.param[name].objects = entries
            if getattr(self.brushes, name) not in entries:
                setattr(self.brushes, name, entries[0])

    def _draw(self) -> None:
        """Draw the field, the sensors and the words."""
        self._take_plane()
        day, interval = self.model.look.time, self.model.interval
        cells = self.painting.cells
        looked = bool(interval) and day % interval == 0
        picture = self._picture()
        self.map.show(picture)
        self.map.mark(self.painting.shown(day), looked or self.painting.grid[0] == 1)
        self.map.point_at(*self._star())
        counted = _counted(cells[day], f"{self.model.step_word} {day}", looked)
        scale = "" if picture.values is None else scale_html("", picture)
        text = f'<div class="lab-scales">{scale}<span>{counted}</span></div>'
        if text != self.legend.object:
            self.legend.object = text
        self.buttons["Undo"].disabled = not self.painting.undoable
        self.buttons["Start from this mask"].disabled = self.model.mask == "painted"
        for name in ("Add best", "Add best 10"):
            self.buttons[name].disabled = self._question() is None

    def _take_plane(self) -> None:
        """Take the shape and the axes of the system."""
        if self.model.system == self._system:
            return
        self._system, plane = self.model.system, self.painting.plane
        flow = make_system(self._system).time_unit == "s"
        extent = (1000.0, 1000.0) if flow else (float(plane[0]), float(plane[1]))
        ring = self.painting.grid[0] == 1
        self.map.frame(plane, extent, ("time (step)" if ring else "y (km)",
                                       "site" if ring else "x (km)"))
        self.brushes.param.update(west=0.0, east=extent[1] / 4, south=0.0, north=extent[0] / 4)
        self._take_pen()

    def _take_pen(self) -> None:
        self.map.pen(self.brushes.tool, self.brushes.width)

    def _picture(self) -> Picture:
        if self.brushes.backdrop != VALUE:
            name = self.brushes.backdrop
            return self.model.picture(TRUE_FIELD if name == TRUTH else name)
        if self.answer is None or self.answer.share.shape != self.painting.grid:
            return Picture("Value of one more sensor")
        share = self.answer.share
        if self.painting.grid[0] == 1:
            share = np.broadcast_to(share, self.painting.plane)
        return Picture(
            "Value of one more sensor", f"posterior of {self.answer.question.method}", share,
            round_up(float(share.max())), "sequential", "% of the variance left",
        )

    def _star(self) -> tuple[list[int], list[int]]:
        """Rows and columns of the best place, where the map shows what places are worth."""
        told = self.answer if self.brushes.backdrop == VALUE else None
        if told is None or told.share.shape != self.painting.grid or not told.share.any():
            return [], []
        row, column = divmod(int(told.share.argmax()), told.share.shape[1])
        rows = range(self.painting.plane[0]) if self.painting.grid[0] == 1 else [row]
        return list(rows), [column] * len(rows)

    def _say(self, text: str) -> None:
        self.said.object = f'<div class="said" role="status">{html.escape(text)}</div>'


def sensors_page(model: LabModel) -> SensorsPage:
    """The page of a model."""
    return SensorsPage(model)


def _counted(cells: Tensor, when: str, looked: bool) -> str:
    """How much is observed at one time."""
    count, total = int(cells.sum()), cells.numel()
    text = f"{when}: {count} of {total} cells ({100 * count / total:.1f} %)"
    if not looked:
        text += " · the network does not look then"
    return text


def _worth(answer: Answer) -> str:
    """What the map says in words."""
    text = (f"A sensor at the star removes {answer.share.max():.2g} % of the variance that the "
            "run left.")
    if answer.ignored:
        text += f" {answer.ignored} new sensors are not counted: press Run."
    return text


SAID = ".said { font-size: 12px; color: var(--lab-muted); font-variant-numeric: tabular-nums; }"
