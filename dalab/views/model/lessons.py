"""The view-model of the teaching page: one scenario at a time, attempts, verdicts, what is shown.

It imports no GUI. A page binds its fields to the parameters and calls :meth:`LessonModel.poll`
several times a second; runs and exact answers are computed in other threads. Attempts wait in the
queue of the service, under its limits, with the runs of everybody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import param
import xarray as xr

from ...errors import InputError
from ...experiments.exact import Exact
from ...experiments.lessons.catalogue import SCENARIOS
from ...experiments.lessons.scenario import Scenario, Verdict
from ...experiments.run import ENDED, Run
from ...experiments.service.service import Service
from ...experiments.twin import Twin, prepare
from ..pictures.wording import ENDINGS, status_line
from .background import LatestTaskWorker
from .session import Session

Band = tuple[np.ndarray, np.ndarray]
SHOWN_STEPS = (0, 4, 8)
"""Steps of a ring that are drawn."""

_RESTORED = ("settings", "busy", "status", "fraction", "verdict", "attempts", "error", "show_hint",
          "show_exact", "stars")
"""What a page that comes back has from the one before."""


@dataclass(frozen=True)
class Panel:
    """One curve with its uncertainty, and what it is compared with.

    Args:
        title: what is drawn.
        xlabel: of the horizontal axis.
        ylabel: of the vertical axis.
        x: places or times.
        estimate: mean and standard deviation, or none yet.
        seen: places and values of the readings.
        exact: mean and standard deviation, if asked for.
        truth: if it is no longer hidden.
    """

    title: str
    xlabel: str
    ylabel: str
    x: np.ndarray
    estimate: Band | None = None
    seen: Band | None = None
    exact: Band | None = None
    truth: np.ndarray | None = None


class LessonModel(param.Parameterized):
    """Scenarios, attempts at them, and their verdicts.

    Args:
        service: the line its attempts wait in, and their limits; by default those of the process.
    """

    lesson = param.Selector(objects=list(SCENARIOS), label="Lesson")
    settings = param.Dict({}, doc="the choices as they stand")
    busy = param.Boolean(False, doc="whether an attempt is running, or waits for its turn")
    status = param.String("", doc="where the attempt stands, and its place while it waits")
    fraction = param.Number(0.0, bounds=(0, 1), doc="share of the attempt that is done")
    verdict = param.ClassSelector(class_=Verdict, doc="of the newest attempt")
    attempts = param.Integer(0, doc="how many there were at this lesson")
    error = param.String("", doc="why nothing could be run")
    show_hint = param.Boolean(False, label="Hint")
    show_exact = param.Boolean(False, label="Exact answer")
    stars = param.Dict({}, doc="best stars of each lesson")

    def __init__(self, *, service: Service | None = None, **values: Any) -> None:
        self.session = Session(service)
        self._run: Run | None = None
        self._tree: xr.DataTree | None = None
        self._twin: Twin | None = None
        self._exact: Exact | None = None
        self._answers = LatestTaskWorker("dalab exact answer")
        self._previews = LatestTaskWorker("dalab readings")
        super().__init__(**values)
        self.session.service.present[self.session.key] = self
        self._start_lesson()
        self.param.watch(lambda *events: self._start_lesson(), "lesson")
        self.param.watch(lambda *events: self._request_exact(), "show_exact")

    @property
    def scenario(self) -> Scenario:
        """The lesson at hand."""
        return SCENARIOS[self.lesson]

    @property
    def solved(self) -> bool:
        """Whether the newest attempt reached the goal; only then is the truth shown."""
        return self.verdict is not None and self.verdict.passed

    def _start_lesson(self) -> None:
        self.close()
        self._run = self._tree = self._twin = self._exact = None
        self.param.update(
            settings=self.scenario.start, busy=False, verdict=None, attempts=0, error="",
            show_hint=False, show_exact=False,
        )
        config = self.scenario.experiment(self.settings)
        self._previews.submit(lambda: prepare(config))

    # --- attempts -------------------------------------------------------------------------------

    def choose(self, name: str, value: Any) -> None:
        """Change one setting; what is shown stays until the next attempt."""
        self.settings = {**self.settings, name: value}

    def attempt(self) -> None:
        """Run the experiment as it is set."""
        if self.busy:
            return
        service, owner = self.session.service, self.session.key
        try:
            config = self.scenario.experiment(self.settings).replace(device="cpu")
            service.check(config)
            self._run = Run(config, service=service, owner=owner).start()
        except InputError as error:
            self.error = str(error)
            return
        self.param.update(busy=True, error="")
        self._follow(self._run)

    def stop(self) -> None:
        """End the attempt, or leave the line; what is shown stays."""
        if self.busy and self._run is not None:
            self._run.cancel()

    def close(self) -> None:
        """Let go of what computes."""
        self._answers.drop()
        self._previews.drop()
        if self._run is not None:
            self._run.cancel()

    def come_back(self, key: str) -> bool:
        """Go on where the page with that key has lost its connection; whether it is still known."""
        before = self.session.service.present.get(key)
        if not isinstance(before, LessonModel):
            return False
        self.lesson = before.lesson
        self._run, self._tree, self._exact = before._run, before._tree, before._exact
        self._twin = before._twin
        self.param.update(**{name: getattr(before, name) for name in _RESTORED})
        self.session.key = key
        self.session.service.present[key] = self
        return True

    def leave(self) -> None:
        """Let go of what computes, unless another page has come back to it by now."""
        if self.session.service.present.get(self.session.key) is self:
            self.close()

    def poll(self) -> bool:
        """Take in what the workers have done; whether there is something to draw."""
        fresh = self._take_preview() | self._take_answer()
        run = self._run
        if not self.busy or run is None:
            return fresh
        if run.state not in ENDED:
            self._follow(run)
            return fresh
        self._take_run(run)
        return True

    def _follow(self, run: Run) -> None:
        """Say where an attempt stands."""
        progress = run.progress
        self.param.update(
            status=status_line(run.state, progress, run.queue_position),
            fraction=min(progress.fraction, 1.0),
        )

    def _take_run(self, run: Run) -> None:
        """Take in an attempt that has ended, and judge it unless it was stopped."""
        if run.state == "cancelled" or run.twin is None:
            self.param.update(busy=False, error=run.error or f"{ENDINGS[run.state]}.")
            return
        self._tree, self._twin, self._exact = run.result, run.twin, None
        verdict = self.scenario.judge(self._tree)
        best = max(verdict.stars, self.stars.get(self.lesson, 0))
        self.param.update(
            busy=False, verdict=verdict, attempts=self.attempts + 1,
            stars={**self.stars, self.lesson: best},
        )
        self._request_exact()

    def _take_preview(self) -> bool:
        """The readings of a lesson that has just begun."""
        twin = self._previews.take()
        if isinstance(twin, Exception):
            self.error = f"The readings cannot be shown. {twin}"
        if self._tree is not None or not isinstance(twin, Twin):
            return False
        self._twin = twin
        return True

    # --- the exact answer -----------------------------------------------------------------------

    def _request_exact(self) -> None:
        """Compute the exact answer of the network in use, with what is true assumed."""
        scenario, twin = self.scenario, self._twin
        if not self.show_exact or scenario.exact is None or twin is None or self._exact is not None:
            return
        exact, config = scenario.exact, twin.config.replace(assumed_noise=None)
        self._answers.submit(lambda: exact(prepare(config).problem))

    def _take_answer(self) -> bool:
        answer = self._answers.take()
        if isinstance(answer, Exception):
            self.error = f"The exact answer failed. {answer}"
        elif answer is not None:
            self._exact = answer
            return True
        return False

    # --- what is shown --------------------------------------------------------------------------

    def panels(self) -> list[Panel]:
        """Three curves: the variables of a flow without space, or a ring at three steps."""
        if self._twin is None:
            return []
        fields = {"truth": _physical(self._twin, self._twin.truth.numpy())}
        members = self._members()
        if members is not None:
            fields["mean"] = _physical(self._twin, members.mean(0))
            fields["std"] = members.std(0, ddof=1) * _scale(self._twin)
        if self.show_exact and self._exact is not None:
            fields["exact mean"] = _physical(self._twin, self._exact.mean.numpy())
            fields["exact std"] = self._exact.std.numpy() * _scale(self._twin)
        return [self._panel(i, fields) for i in range(3)]

    def _members(self) -> np.ndarray | None:
        """The estimate of the newest attempt, if it gave one."""
        if self._tree is None or "estimates" not in self._tree.children:
            return None
        label = next(iter(self._tree["estimates"].children))
        return cast(xr.DataArray, self._tree[f"estimates/{label}/pv"]).values

    def _panel(self, i: int, fields: dict[str, np.ndarray]) -> Panel:
        twin = cast(Twin, self._twin)
        ring = twin.system.shape[-1] > 1
        cut = {name: f[SHOWN_STEPS[i], 0, 0] if ring else f[:, i, 0, 0] for name, f in
               fields.items()}  # fmt: skip
        x = np.arange(1, twin.system.shape[-1] + 1) if ring else self._times()
        title = f"Step {SHOWN_STEPS[i]}" if ring else "xyz"[i]
        return Panel(
            title, "site" if ring else "model time",
            twin.system.quantity.removesuffix(" anomaly") if ring else "xyz"[i], x,
            _band(cut, "mean", "std"), self._seen(i, x, ring),
            _band(cut, "exact mean", "exact std"), cut["truth"] if self.solved else None,
        )

    def _times(self) -> np.ndarray:
        twin = cast(Twin, self._twin)
        return np.arange(len(twin.truth)) * twin.system.interval

    def _seen(self, i: int, x: np.ndarray, ring: bool) -> Band:
        twin = cast(Twin, self._twin)
        instrument = twin.problem.network.instruments[0]
        values = _physical(twin, instrument.put(twin.problem.data).numpy())
        mask = instrument.mask.numpy()[:, 0]
        where = mask[SHOWN_STEPS[i]] if ring else mask[:, 0]
        cut = values[SHOWN_STEPS[i], 0, 0] if ring else values[:, i, 0, 0]
        return x[where], cut[where]


def _scale(twin: Twin) -> np.ndarray:
    return twin.system.scale.numpy()


def _physical(twin: Twin, values: np.ndarray) -> np.ndarray:
    return twin.system.offset.numpy() + _scale(twin) * values


def _band(cut: dict[str, np.ndarray], mean: str, std: str) -> Band | None:
    return (cut[mean], cut[std]) if mean in cut else None
