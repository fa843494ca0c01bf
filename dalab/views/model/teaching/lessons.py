"""The view-model of the lessons: one scenario at a time, attempts, verdicts, plots.

It imports no GUI. A page binds its fields to the parameters and calls :meth:`LessonModel.poll`
several times a second; runs and exact answers are computed in other threads. Attempts wait in the
queue of the service, under its limits, with the runs of everybody else.
"""

from __future__ import annotations

from typing import Any, cast

import param
import xarray as xr

from ....errors import InputError
from ....experiments.config import Config
from ....experiments.exact import Exact
from ....experiments.lessons.catalogue import SCENARIOS
from ....experiments.lessons.scenario import Scenario, Verdict
from ....experiments.service.service import Service
from ....experiments.twin import Twin, prepare
from ...pictures.wording import ENDINGS
from ..background import LatestTaskWorker
from ..observed_run import ObservedRun
from ..runs import RunModel
from ..session import Session
from .lesson_plots import LessonPlot, lesson_plots

_RESTORED = ("settings", "verdict", "attempts", "error", "show_hint", "show_exact", "stars")
"""Parameters that a page that comes back has from the one before."""


class LessonModel(param.Parameterized):
    """Scenarios, attempts at them, and their verdicts.

    Args:
        service: queues and limits of the attempts; by default those of the process.

    ``runs`` hold the attempt that waits or computes. A page that is not on screen yet sets
    ``on_screen`` to False: nothing is prepared for it.
    """

    lesson = param.Selector(objects=list(SCENARIOS), label="Lesson")
    settings = param.Dict({}, doc="the choices as they stand")
    verdict = param.ClassSelector(class_=Verdict, doc="of the newest attempt")
    attempts = param.Integer(0, doc="attempts at this lesson so far")
    error = param.String("", doc="reason why an attempt, or its exact answer, came to nothing")
    show_hint = param.Boolean(False, label="Hint")
    show_exact = param.Boolean(False, label="Exact answer")
    stars = param.Dict({}, doc="best stars of each lesson")

    def __init__(self, *, service: Service | None = None, **values: Any) -> None:
        self.runs = RunModel(Session(service, self))
        self._judged: ObservedRun | None = None
        self._readings: Twin | None = None
        self._exact: Exact | None = None
        self._answers = LatestTaskWorker("dalab exact answer")
        self._previews = LatestTaskWorker("dalab readings")
        self._due: Config | None = None
        self.on_screen = True
        super().__init__(**values)
        self._start_lesson()

    @property
    def scenario(self) -> Scenario:
        """The lesson at hand."""
        return SCENARIOS[self.lesson]

    @property
    def solved(self) -> bool:
        """True if the newest attempt reached the goal; only then is the truth shown."""
        return self.verdict is not None and self.verdict.passed

    @property
    def twin(self) -> Twin | None:
        """Truth and readings of the newest attempt, or of the lesson as it begins."""
        return self._readings if self._judged is None else self._judged.run.twin

    @param.depends("lesson", watch=True)
    def _start_lesson(self) -> None:
        self._answers.drop()
        self.runs.clear()
        self._judged = self._readings = self._exact = None
        self.param.update(
            settings=self.scenario.start, verdict=None, attempts=0, error="", show_hint=False,
            show_exact=False,
        )
        self._due = self.scenario.experiment(self.settings)

    # --- attempts -------------------------------------------------------------------------------

    def choose(self, name: str, value: Any) -> None:
        """Change one setting; the plots stay until the next attempt."""
        self.settings = {**self.settings, name: value}

    def attempt(self) -> None:
        """Run the experiment as it is set; if it is refused, ``error`` says why."""
        if self.runs.busy:
            return
        try:
            config = self.scenario.experiment(self.settings).replace(device="cpu")
        except InputError as error:
            self.error = str(error)
        else:
            self.error = "" if self.runs.start(config) else self.runs.error

    def stop(self) -> None:
        """End the attempt, or leave the queue; the plots stay."""
        self.runs.stop()

    def close(self) -> None:
        """Cancel the attempt, unless another page has come back to it by now."""
        self._answers.drop()
        self._previews.drop()
        self.runs.close()

    def come_back(self, key: str) -> bool:
        """Go on where the page with that key has lost its connection; return False if unknown."""
        lost = self.runs.session.lost(key)
        if lost is None:
            return False
        before = cast(LessonModel, lost.page)
        self.lesson = before.lesson
        self._judged, self._readings, self._exact = before._judged, before._readings, before._exact
        self.param.update(**{name: getattr(before, name) for name in _RESTORED})
        if self.runs.come_back(key) and before.runs.busy and not self.runs.busy:
            self._judge(self.runs.ended)
        return True

    def poll(self) -> bool:
        """Take in the progress of the workers; return True if there is something to draw.

        The readings of a lesson are made from the first poll on.
        """
        if self.on_screen and self._due is not None:
            config, self._due = self._due, None
            self._previews.submit(lambda: prepare(config))
        fresh = self._take_preview() | self._take_answer()
        if not self.runs.poll():
            return fresh
        self._judge(self.runs.ended)
        return True

    def _judge(self, attempt: ObservedRun) -> None:
        """Judge an attempt that has ended, unless it was stopped."""
        state = attempt.run.state
        if state == "cancelled" or attempt.run.twin is None:
            self.error = self.runs.error or f"{ENDINGS[state]}."
            return
        self._judged, self._exact = attempt, None
        verdict = self.scenario.judge(attempt.result)
        best = max(verdict.stars, self.stars.get(self.lesson, 0))
        self.param.update(
            verdict=verdict, attempts=self.attempts + 1, stars={**self.stars, self.lesson: best},
        )
        self._request_exact()

    def _take_preview(self) -> bool:
        """Take in the readings of a lesson that has just begun."""
        twin = self._previews.take()
        if isinstance(twin, Exception):
            self.error = f"The readings cannot be shown. {twin}"
        if self._judged is not None or not isinstance(twin, Twin):
            return False
        self._readings = twin
        return True

    # --- the exact answer -----------------------------------------------------------------------

    @param.depends("show_exact", watch=True)
    def _request_exact(self) -> None:
        """Compute the exact answer of the network in use, with the true noise assumed."""
        exact, twin = self.scenario.exact, self.twin
        if not self.show_exact or exact is None or twin is None or self._exact is not None:
            return
        config = twin.config.replace(assumed_noise=None)
        self._answers.submit(lambda: exact(prepare(config).problem))

    def _take_answer(self) -> bool:
        answer = self._answers.take()
        if isinstance(answer, Exception):
            self.error = f"The exact answer failed. {answer}"
        elif answer is not None:
            self._exact = answer
            return True
        return False

    # --- plots ----------------------------------------------------------------------------------

    @property
    def result(self) -> xr.DataTree | None:
        """The result of the newest attempt that was judged."""
        return None if self._judged is None else self._judged.result

    def plots(self) -> list[LessonPlot]:
        """Return three plots of the newest attempt, or of the readings alone; none before them."""
        if self.twin is None:
            return []
        exact = self._exact if self.show_exact else None
        return lesson_plots(self.twin, self.result, exact, self.solved)
