"""The view-model of the gallery: one exhibit at a time, its settings and its charts.

It imports no GUI. Charts are computed in another thread, the newest settings first.
"""

from __future__ import annotations

from typing import Any

import param

from ....experiments.gallery.catalogue import EXHIBITS
from ....experiments.gallery.exhibit import Exhibit
from ..background import LatestTaskWorker, error_message


class GalleryModel(param.Parameterized):
    """An exhibit, its settings, and the charts of both.

    A page polls it several times a second; ``busy`` is true while charts are on their way.
    """

    exhibit = param.Selector(objects=list(EXHIBITS), label="Exhibit")
    settings = param.Dict({}, doc="the choices as they stand")
    charts = param.List([], doc="charts of settings that were computed")
    busy = param.Boolean(False, doc="whether those of newer settings are on their way")
    error = param.String("", doc="reason why charts came to nothing")

    def __init__(self, **values: Any) -> None:
        self._worker = LatestTaskWorker("dalab gallery")
        self.on_screen = True
        self._due = False
        super().__init__(**values)
        self._open()

    @property
    def shown(self) -> Exhibit:
        """The exhibit at hand."""
        return EXHIBITS[self.exhibit]

    @param.depends("exhibit", watch=True)
    def _open(self) -> None:
        self.charts = []
        self.settings = self.shown.start
        self._request()

    def choose(self, name: str, value: Any) -> None:
        """Change one setting; the charts follow."""
        self.settings = {**self.settings, name: value}
        self._request()

    def _request(self) -> None:
        self._due = self.busy = True

    def poll(self) -> None:
        """Take in charts that are ready; the first are computed once the page is on screen."""
        if self._due and self.on_screen:
            self._due = False
            shown, settings = self.shown, self.settings
            self._worker.submit(lambda: shown.charts(settings))
        answer = self._worker.take()
        if answer is None:
            return
        failed = isinstance(answer, Exception)
        self.param.update(
            charts=[] if failed else list(answer), error=error_message(answer) if failed else "",
            busy=self._due,
        )

    def close(self) -> None:
        """Drop what is being computed."""
        self._worker.drop()
