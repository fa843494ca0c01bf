"""The run of a page: started, followed, stopped, kept and found again; for labs and lessons."""

from __future__ import annotations

import time

import pytest

from dalab.experiments.config import Config
from dalab.views.model.runs import RunModel
from dalab.views.model.session import Session
from dalab.views.model.teaching.lessons import LessonModel

from ..experiments.stubs import Waiting
from .conftest import GATED, SMALL, end

CONFIG, GATED_CONFIG = Config(**SMALL), Config(**GATED)


@pytest.fixture
def made(service):
    """Makes runs of one service, and ends them."""
    runs: list[RunModel] = []

    def make(page: object = None) -> RunModel:
        runs.append(RunModel(Session(service, page)))
        return runs[-1]

    yield make
    Waiting.gate.set()
    for one in runs:
        one.session.keep(None, on=False)
        end(one)


def until(runs: RunModel, condition) -> int:
    """Poll until something is true; return how often the end was reported."""
    deadline, ends = time.monotonic() + 60, 0
    while not condition():
        assert time.monotonic() < deadline, f"still {runs.state}: {runs.error}"
        ends += runs.poll()
        time.sleep(0.01)
    return ends


def test_the_end_of_a_run_is_reported_once_and_all_at_once(made):
    runs, seen = made(), []
    runs.param.watch(
        lambda *events: seen.append((runs.state, runs.busy, runs.ended is not None)), "state"
    )
    assert runs.result is None and not runs.poll()
    assert runs.start(CONFIG) and runs.busy and runs.shown.config == CONFIG
    assert until(runs, lambda: not runs.busy) == 1
    assert not runs.poll() and runs.fraction == 1 and runs.status.startswith("Done after")
    assert seen[0] == ("preparing", True, False) and seen[-1] == ("done", False, True)
    assert "stub" in runs.result["estimates"].children


def test_a_run_that_cannot_start_says_why_and_leaves_what_is_on_show(made):
    runs = made()
    runs.start(CONFIG)
    until(runs, lambda: not runs.busy)
    shown = runs.shown
    assert not runs.start(CONFIG.replace(interval=9))
    assert "interval = 9" in runs.error and runs.shown is shown and runs.state == "done"
    assert runs.start(CONFIG) and runs.error == ""
    until(runs, lambda: not runs.busy)


def test_nothing_starts_while_a_run_goes_on(made):
    runs = made()
    assert runs.start(GATED_CONFIG)
    assert not runs.start(CONFIG) and runs.error == ""
    assert runs.shown.config == GATED_CONFIG
    runs.stop()
    assert until(runs, lambda: not runs.busy) == 1 and runs.state == "cancelled"


def test_a_cleared_run_is_cancelled_and_shown_no_more(made):
    runs = made()
    runs.start(GATED_CONFIG)
    run = runs.shown.run
    runs.clear()
    assert run.state == "cancelled" and runs.shown is None and runs.result is None
    assert (runs.state, runs.busy, runs.status, runs.fraction) == ("idle", False, "", 0.0)


def test_a_kept_run_is_found_by_its_key(made):
    runs, back = made(), made()
    runs.keep_running = True
    runs.start(GATED_CONFIG)
    runs.close()
    assert back.come_back(runs.session.key) and back.shown is runs.shown
    assert back.busy and back.keep_running and not made().come_back("a guess")
    Waiting.gate.set()
    assert until(back, lambda: not back.busy) == 1 and back.state == "done"


def test_a_session_is_taken_over_by_a_page_of_its_own_kind_only(made, opened, service):
    lesson = LessonModel(service=service)
    assert not opened().come_back(lesson.runs.session.key)
    model = opened()
    assert not lesson.come_back(model.runs.session.key)
    assert LessonModel(service=service).come_back(lesson.runs.session.key)
    end(lesson)


def test_lessons_and_labs_have_one_entry_each_among_the_pages(opened, service):
    lesson, model = LessonModel(service=service), opened()
    assert set(service.present.values()) == {lesson.runs.session, model.runs.session}
    end(lesson)
    end(model)
    assert not len(service.present)
