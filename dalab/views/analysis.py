"""Pages that look at a run once it is over: computed in a thread, drawn when they are in front."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import panel as pn
from panel.io import unlocked

from .board import ABOVE, HEIGHT, MARGIN, WIDTH
from .model import LabModel
from .worker import Newest

EMPTY = ".lab-empty { font-size: 14px; color: var(--lab-muted); margin: 0; }"


class Analysis(ABC):
    """A page of charts of the run that ended or was shown last.

    Args:
        model: whose runs are looked at.
        waiting: a sentence for the time before there is a run.
    """

    def __init__(self, model: LabModel, waiting: str) -> None:
        self.model, self.waiting = model, waiting
        self.room, self._shown = (WIDTH, HEIGHT + ABOVE - 42), False
        self._known: tuple | None = None
        self._worker = Newest("dalab analysis")
        self.said = pn.pane.HTML("", margin=(14, 10), stylesheets=[EMPTY])
        self.charts = self.build()
        self.layout = pn.Column(self.said, margin=0, sizing_mode="stretch_width")
        self.say(waiting)
        self.place(*self.room)

    @abstractmethod
    def build(self) -> pn.viewable.Viewable:
        """The charts, empty."""

    @abstractmethod
    def key(self) -> tuple:
        """What is looked at beside the run; another key is another computation."""

    @abstractmethod
    def compute(self, tree: Any, *key: Any) -> Any:
        """What the charts show; called in a thread."""

    @abstractmethod
    def draw(self, tree: Any, found: Any) -> None:
        """Feed the charts with what was computed."""

    def fit(self, width: int, height: int) -> None:
        """Use the room that the window leaves to the page [pixels]."""
        self.room = max(width - MARGIN, WIDTH), max(height - 42, HEIGHT + ABOVE - 42)
        self.place(*self.room)

    @abstractmethod
    def place(self, width: int, height: int) -> None:
        """Size the charts to that much room [pixels]."""

    def front(self, shown: bool) -> None:
        """Begin or cease to be seen."""
        self._shown = shown
        if shown:
            self.tick()

    def tick(self) -> None:
        """Start to compute what is wanted, or draw what has been computed."""
        answer = self._worker.take()
        if answer is not None:
            with unlocked():
                self._show(answer)
        ended = self.model.ended
        wanted = None if ended is None else (ended, *self.key())
        if wanted is not None and wanted != self._known:
            self._known = wanted
            self._worker.submit(lambda: self._work(*wanted))
            if not self.drawn:
                self.say("Computing …")

    def _work(self, ended: Any, *key: Any) -> tuple[Any, Any]:
        tree = ended.result
        if "truth" not in tree.children or "estimates" not in tree.children:
            raise ValueError("the run ended before there was an estimate")
        return tree, self.compute(tree, *key)

    def _show(self, answer: Any) -> None:
        if isinstance(answer, Exception):
            self.say(f"Nothing to show: {answer}.")
            return
        self.draw(*answer)
        if not self.drawn:  # Bokeh gives no size to a figure that is made where nobody sees it
            self.layout.objects = [self.charts]

    def say(self, text: str) -> None:
        """A sentence in place of the charts."""
        self.said.object = f"<p class='lab-empty'>{text}</p>"
        self.layout.objects = [self.said]

    @property
    def drawn(self) -> bool:
        """Whether the charts are on show."""
        return self.charts in self.layout.objects
