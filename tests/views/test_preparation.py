"""Preparation of a page: once it is on screen, within the limits, as long as it is open."""

from __future__ import annotations

import threading
import time

import pytest

from dalab.experiments.service import service
from dalab.experiments.service.limits import Limits
from dalab.experiments.service.service import Service
from dalab.interruption import check_interruption
from dalab.views.model import background
from dalab.views.model.background import LatestTaskWorker
from dalab.views.model.lab import LabModel
from dalab.views.model.teaching.lessons import LessonModel
from dalab.views.model.url import model_from_url

from .conftest import QUICK, end, settle


def forever(*args: object) -> None:
    """A job without end that can be interrupted."""
    while True:
        check_interruption()
        time.sleep(0.001)


def workers() -> int:
    return sum(thread.name in ("dalab preview", "dalab readings") for thread in
               threading.enumerate())


def gone(before: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while workers() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    return workers() <= before


@pytest.mark.parametrize("make", [lambda: LabModel(**QUICK), LessonModel])
def test_a_page_that_is_not_on_screen_prepares_nothing(make, monkeypatch):
    monkeypatch.setattr(LatestTaskWorker, "_do", lambda worker, job, dropped, _: dropped.wait())
    before = workers()
    model = make()
    model.on_screen = False
    model.poll()
    assert workers() == before
    model.on_screen = True
    model.poll()
    assert workers() == before + 1
    end(model)


def test_a_preview_ends_with_its_page(monkeypatch):
    monkeypatch.setattr(background, "_prepared", forever)
    before, model = workers(), LabModel(**QUICK)
    model.poll()
    assert workers() == before + 1
    model.close()
    assert gone(before)


def test_a_preview_counts_towards_the_time_limit(monkeypatch):
    monkeypatch.setattr(background, "_prepared", forever)
    model = LabModel(service=Service(Limits(seconds=0.1)), **QUICK)
    settle(model, lambda: bool(model.error))
    assert model.error.startswith("time of the preview [s] = 0.1")
    end(model)


def test_what_exceeds_the_limits_is_not_prepared(monkeypatch):
    monkeypatch.setattr(service, "_shared", [Service(Limits(size=1000))])
    before = workers()
    model = model_from_url({}, {"members": ["3"], "system": ["lorenz96:d=800"]})
    model.poll()
    assert "grid x window x members x methods" in model.error and workers() == before
    assert model.config.members == 3, "the page is that of the link"
    end(model)


def test_a_link_whose_prior_is_estimated_opens_at_once_and_its_run_makes_it(monkeypatch):
    monkeypatch.setattr("dalab.priors.loading.estimate_gaussian", forever)
    before, start = workers(), time.monotonic()
    model = model_from_url({}, {"system": ["lorenz96:d=42"], "prior": ["gaussian"]})
    assert time.monotonic() - start < 20 and not model.notice and not model.error
    model.run()
    assert model.runs.busy and model.runs.state == "preparing"
    end(model)
    assert gone(before)


def test_a_link_whose_system_takes_long_opens_at_once(monkeypatch):
    monkeypatch.setattr("dalab.priors.loading.estimate_gaussian", forever)
    monkeypatch.setattr("dalab.experiments.parts.deferred_prior.is_estimated", lambda *_: False)
    before, start = workers(), time.monotonic()
    model = model_from_url({}, {"system": ["lorenz96:d=41"], "prior": ["gaussian"]})
    assert time.monotonic() - start < 20 and not model.notice and not model.error
    model.poll()
    model.run()
    assert "is still being prepared" in model.runs.error and not model.runs.busy
    model.close()
    assert gone(before)


def test_a_dropped_job_makes_way_for_the_next():
    worker, done = LatestTaskWorker("dalab preview"), []
    worker.submit(forever)
    worker.drop()
    worker.submit(lambda: "next")
    deadline = time.monotonic() + 10
    while not done and time.monotonic() < deadline:
        done += [worker.take()] if worker.busy and worker._answer else []
    assert done == ["next"]
