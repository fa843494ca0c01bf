"""The teaching page without a browser: attempts, verdicts, and a truth that stays hidden."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("bokeh")

from dalab.experiments.lessons.catalogue import SCENARIOS
from dalab.experiments.service.limits import Limits
from dalab.experiments.service.service import Service
from dalab.views.model.teaching.lessons import LessonModel

pytestmark = pytest.mark.lab
SECONDS = 120


def until(model, condition):
    """Poll until something is true."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, model.error or "waited in vain"
        model.poll()
        time.sleep(0.02)


def try_settings(model, **changes):
    """Make an attempt and wait for its verdict."""
    before = model.attempts
    for name, value in changes.items():
        model.choose(name, value)
    model.attempt()
    until(model, lambda: model.attempts > before)
    return model.verdict


def behind_another(service):
    """A teacher whose attempt waits in line, and who stands before it there."""
    other = service.queue("cpu").join("somebody else")
    model = LessonModel(service=service)
    model.attempt()
    return model, other


@pytest.fixture
def model():
    made = LessonModel()
    yield made
    made.close()


def test_a_lesson_begins_with_its_readings_and_nothing_else(model):
    until(model, model.plots)
    assert model.settings == model.scenario.start and not model.solved
    for plot in model.plots():
        assert len(plot.seen[0]) == len(plot.seen[1]) == 10
        assert plot.estimate is None and plot.exact is None and plot.truth is None
        assert plot.ylabel == "wave height" and plot.xlabel == "site"


def test_the_truth_is_hidden_until_the_goal_is_reached(model):
    assert not try_settings(model).passed
    assert all(p.truth is None and p.estimate is not None for p in model.plots())
    assert try_settings(model, assumed=0.5).passed
    for plot in model.plots():
        mean, std = plot.estimate
        assert plot.truth.shape == mean.shape == std.shape == (40,)
        assert np.sqrt(((mean - plot.truth) ** 2).mean()) < 0.5


def test_the_exact_answer_assumes_what_is_true(model):
    try_settings(model)
    model.show_exact = True
    until(model, lambda: model.plots()[0].exact is not None)
    spread, exact = (np.mean([getattr(p, which)[1].mean() for p in model.plots()])
                     for which in ("estimate", "exact"))
    assert exact > 3 * spread, "the members believe the maker of the buoys"


def test_stars_are_kept_while_other_lessons_are_looked_at(model):
    try_settings(model, assumed=0.5)
    stars = model.verdict.stars
    model.lesson = "chaos"
    assert model.verdict is None and model.attempts == 0
    assert model.settings == SCENARIOS["chaos"].start
    until(model, model.plots)
    assert [p.title for p in model.plots()] == ["x", "y", "z"]
    model.lesson = "assumed-noise"
    try_settings(model)
    assert model.stars["assumed-noise"] == stars > 0


def test_a_setting_that_is_no_choice_is_refused_with_a_message(model):
    model.choose("assumed", 7.0)
    model.attempt()
    assert not model.runs.busy and "must be one of" in model.error


def test_attempts_wait_in_the_line_of_the_service_and_say_their_place():
    service = Service()
    model, other = behind_another(service)
    until(model, lambda: "in line" in model.runs.status)
    assert model.runs.busy and service.queue("cpu").waiting()
    other.leave()
    until(model, lambda: model.verdict is not None)
    assert not service.queue("cpu").waiting()
    model.close()


def test_an_attempt_that_is_stopped_leaves_the_line_and_what_is_shown():
    service = Service()
    model, other = behind_another(service)
    model.stop()
    until(model, lambda: not model.runs.busy)
    assert model.error == "Stopped." and model.verdict is None and model.attempts == 0
    assert not service.queue("cpu").waiting()
    other.leave()
    assert try_settings(model, assumed=0.5).passed and model.error == ""
    model.close()


def test_a_page_that_comes_back_finds_its_lesson_its_attempt_and_its_stars():
    service = Service()
    lost, back = LessonModel(service=service), LessonModel(service=service)
    try_settings(lost, assumed=0.5)
    lost.lesson, lost.show_hint = "localisation", True
    other = service.queue("cpu").join("somebody else")
    lost.choose("radius", 3)
    lost.attempt()
    assert back.come_back(lost.runs.session.key) and back.runs.session.key == lost.runs.session.key
    lost.close()
    other.leave()
    assert back.runs.busy and back.show_hint
    assert back.lesson == "localisation" and back.stars == lost.stars
    until(back, lambda: back.verdict is not None)
    assert back.verdict.passed and back.settings["radius"] == 3
    assert all(plot.estimate is not None for plot in back.plots())
    back.close()


def test_a_page_that_is_closed_ends_its_attempt():
    service = Service()
    model, other = behind_another(service)
    model.close()
    assert not service.queue("cpu").waiting()
    assert not LessonModel(service=service).come_back("a guess")
    other.leave()


def test_limits_of_the_service_hold_for_lessons():
    model = LessonModel(service=Service(Limits(size=10)))
    model.attempt()
    assert not model.runs.busy and "must be at most 10" in model.error
    model.close()


def test_a_method_that_diverges_has_no_curve(model):
    model.lesson = "guidance"
    verdict = try_settings(model)
    assert not verdict.passed and "diverged" in verdict.error


def test_the_page_says_how_it_went(model):
    pytest.importorskip("panel")
    from dalab.views.panel.pages.lessons import LessonPage, verdict_html

    page = LessonPage(model)
    assert model.scenario.goal[:30] in page.story.object
    assert "Press Run" in verdict_html(model)
    try_settings(model, assumed=0.5)
    page.poll()
    assert "Goal reached" in page.verdict.object and "★" in page.verdict.object
    assert model.scenario.explanation[:30] in page.explanation.object
    assert any("★" in name for name in page.lessons.options)
    model.lesson = "collapse"
    assert len(page.choices.objects) == 2 and page.help.options == ["Hint"]
