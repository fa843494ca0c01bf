"""Base of the pages on finished runs: computed in a thread, drawn while active."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from html import escape
from typing import Any

import panel as pn
from panel.io import unlocked

from ...model.background import LatestTaskWorker
from ...model.lab import LabModel
from ...pictures.grid_layout import ABOVE, HEIGHT, MARGIN, WIDTH

EMPTY = """
.lab-empty { max-width: 720px; box-sizing: border-box; padding: 18px 24px 20px; font-size: 14px;
  color: var(--lab-ink); background: var(--lab-ground); border: 1px solid var(--lab-line);
  border-radius: 8px; }
.lab-empty h2 { font-size: 18px; font-weight: 650; margin: 0 0 4px; }
.lab-empty p { margin: 0; color: var(--lab-muted); }
.lab-empty dl { display: grid; grid-template-columns: max-content 1fr; gap: 8px 18px;
  margin: 14px 0 0; font-size: 13.5px; }
.lab-empty dt { font-weight: 600; } .lab-empty dd { margin: 0; color: var(--lab-muted); }
"""


class ResultPage(ABC):
    """A page of charts of the run that ended or was shown last.

    Args:
        model: view-model of the page.
        title: question that the page answers.
        parts: descriptions of its charts, by name.
    """

    def __init__(self, model: LabModel, title: str, parts: Mapping[str, str]) -> None:
        self.model, self.title, self.parts = model, title, parts
        self.available_size, self._shown = (WIDTH, HEIGHT + ABOVE - 42), False
        self._known: tuple | None = None
        self._worker = LatestTaskWorker("dalab analysis")
        self.message = pn.pane.HTML("", margin=(14, 10), stylesheets=[EMPTY])
        self.starter = pn.widgets.Button(
            label="▶  Start now", color="primary", width=130, height=36, margin=(4, 10),
            disabled=model.runs.param.busy,
        )
        self.starter.on_click(lambda event: model.run())
        self.charts = self.build()
        self.layout = pn.Column(margin=0, sizing_mode="stretch_width")
        self.show_message("These charts appear here once a run is done.")
        self.set_size(*self.available_size)

    @abstractmethod
    def build(self) -> pn.viewable.Viewable:
        """Make the empty charts."""

    @abstractmethod
    def key(self) -> tuple:
        """Return the arguments of :meth:`compute` besides the run; new ones start it again."""

    @abstractmethod
    def compute(self, tree: Any, *key: Any) -> Any:
        """Compute the data of the charts; called in a thread."""

    @abstractmethod
    def draw(self, tree: Any, found: Any) -> None:
        """Draw the computed data."""

    def resize(self, width: int, height: int) -> None:
        """Fit the page into the available space [pixels]."""
        self.available_size = max(width - MARGIN, WIDTH), max(height - 42, HEIGHT + ABOVE - 42)
        self.set_size(*self.available_size)

    @abstractmethod
    def set_size(self, width: int, height: int) -> None:
        """Fit the charts into width and height [pixels]."""

    def set_active(self, shown: bool) -> None:
        """Activate or deactivate the page."""
        self._shown = shown
        if shown:
            self.poll()

    def poll(self) -> None:
        """Start a computation if the run or its key changed, and draw finished ones."""
        answer = self._worker.take()
        if answer is not None:
            with unlocked():
                self._show(answer)
        ended = self.model.runs.ended
        wanted = None if ended is None else (ended, *self.key())
        if wanted is not None and wanted != self._known:
            self._known = wanted
            self._worker.submit(lambda: self._work(*wanted))
            if not self.drawn:
                self.show_message("Computing …")

    def _work(self, ended: Any, *key: Any) -> tuple[Any, Any]:
        tree = ended.result
        if "truth" not in tree.children or "estimates" not in tree.children:
            raise ValueError("the run ended before it had an estimate")
        return tree, self.compute(tree, *key)

    def _show(self, answer: Any) -> None:
        if isinstance(answer, Exception):
            self.show_message(f"Nothing to show: {answer}.")
            return
        self.draw(*answer)
        if not self.drawn:  # Bokeh gives no size to a figure made while hidden
            self.layout.objects = [self.charts]

    def show_message(self, text: str) -> None:
        """Show a message in place of the charts, with descriptions of them."""
        parts = "".join(f"<dt>{name}</dt><dd>{tells}</dd>" for name, tells in self.parts.items())
        self.message.object = (
            f"<section class='lab-empty'><h2>{self.title}</h2><p role='status'>{escape(text)}</p>"
            f"<dl>{parts}</dl></section>"
        )
        self.layout.objects = [self.message, self.starter]

    @property
    def drawn(self) -> bool:
        """True if the charts are shown."""
        return self.charts in self.layout.objects
