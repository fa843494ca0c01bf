"""The teaching page without a browser: attempts, verdicts, and a truth that stays hidden."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("bokeh")

from dalab.experiments.lessons.catalogue import SCENARIOS
from dalab.experiments.service.limits import Limits
from dalab.experiments.service.service import Service
from dalab.views.model.lessons import Teacher

pytestmark = pytest.mark.lab
SECONDS = 120


def until(teacher, condition):
    """Poll until something is true."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, teacher.trouble or "waited in vain"
        teacher.poll()
        time.sleep(0.02)


def tried(teacher, **changes):
    """Make an attempt and wait for its verdict."""
    before = teacher.attempts
    for name, value in changes.items():
        teacher.choose(name, value)
    teacher.attempt()
    until(teacher, lambda: teacher.attempts > before)
    return teacher.verdict


def behind_another(service):
    """A teacher whose attempt waits in line, and who stands before it there."""
    other = service.line("cpu").join("somebody else")
    teacher = Teacher(service=service)
    teacher.attempt()
    return teacher, other


@pytest.fixture
def teacher():
    made = Teacher()
    yield made
    made.close()


def test_a_lesson_begins_with_its_readings_and_nothing_else(teacher):
    until(teacher, teacher.panels)
    assert teacher.settings == teacher.scenario.start and not teacher.solved
    for panel in teacher.panels():
        assert len(panel.seen[0]) == len(panel.seen[1]) == 10
        assert panel.estimate is None and panel.exact is None and panel.truth is None
        assert panel.ylabel == "wave height" and panel.xlabel == "site"


def test_the_truth_is_hidden_until_the_goal_is_reached(teacher):
    assert not tried(teacher).passed
    assert all(p.truth is None and p.estimate is not None for p in teacher.panels())
    assert tried(teacher, assumed=0.5).passed
    for panel in teacher.panels():
        mean, std = panel.estimate
        assert panel.truth.shape == mean.shape == std.shape == (40,)
        assert np.sqrt(((mean - panel.truth) ** 2).mean()) < 0.5


def test_the_exact_answer_assumes_what_is_true(teacher):
    tried(teacher)
    teacher.overlaid = True
    until(teacher, lambda: teacher.panels()[0].exact is not None)
    spread, exact = (np.mean([getattr(p, which)[1].mean() for p in teacher.panels()])
                     for which in ("estimate", "exact"))
    assert exact > 3 * spread, "the members believe the maker of the buoys"


def test_stars_are_kept_while_other_lessons_are_looked_at(teacher):
    tried(teacher, assumed=0.5)
    stars = teacher.verdict.stars
    teacher.lesson = "chaos"
    assert teacher.verdict is None and teacher.attempts == 0
    assert teacher.settings == SCENARIOS["chaos"].start
    until(teacher, teacher.panels)
    assert [p.title for p in teacher.panels()] == ["x", "y", "z"]
    teacher.lesson = "assumed-noise"
    tried(teacher)
    assert teacher.stars["assumed-noise"] == stars > 0


def test_a_setting_that_is_no_choice_is_refused_and_said(teacher):
    teacher.choose("assumed", 7.0)
    teacher.attempt()
    assert not teacher.busy and "must be one of" in teacher.trouble


def test_attempts_wait_in_the_line_of_the_service_and_say_their_place():
    service = Service()
    teacher, other = behind_another(service)
    until(teacher, lambda: "in line" in teacher.status)
    assert teacher.busy and service.line("cpu").places()
    other.leave()
    until(teacher, lambda: teacher.verdict is not None)
    assert not service.line("cpu").places()
    teacher.close()


def test_an_attempt_that_is_stopped_leaves_the_line_and_what_is_shown():
    service = Service()
    teacher, other = behind_another(service)
    teacher.stop()
    until(teacher, lambda: not teacher.busy)
    assert teacher.trouble == "Stopped." and teacher.verdict is None and teacher.attempts == 0
    assert not service.line("cpu").places()
    other.leave()
    assert tried(teacher, assumed=0.5).passed and teacher.trouble == ""
    teacher.close()


def test_a_page_that_comes_back_finds_its_lesson_its_attempt_and_its_stars():
    service = Service()
    lost, back = Teacher(service=service), Teacher(service=service)
    tried(lost, assumed=0.5)
    lost.lesson, lost.hinted = "localisation", True
    other = service.line("cpu").join("somebody else")
    lost.choose("radius", 3)
    lost.attempt()
    assert back.come_back(lost.session.key) and back.session.key == lost.session.key
    lost.leave()
    other.leave()
    assert back.busy and back.hinted and back.lesson == "localisation" and back.stars == lost.stars
    until(back, lambda: back.verdict is not None)
    assert back.verdict.passed and back.settings["radius"] == 3
    assert all(panel.estimate is not None for panel in back.panels())
    back.leave()


def test_a_page_that_is_closed_ends_its_attempt():
    service = Service()
    teacher, other = behind_another(service)
    teacher.leave()
    assert not service.line("cpu").places()
    assert not Teacher(service=service).come_back("a guess")
    other.leave()


def test_limits_of_the_service_hold_for_lessons():
    teacher = Teacher(service=Service(Limits(size=10)))
    teacher.attempt()
    assert not teacher.busy and "must be at most 10" in teacher.trouble
    teacher.close()


def test_a_method_that_diverges_has_no_curve(teacher):
    teacher.lesson = "guidance"
    verdict = tried(teacher)
    assert not verdict.passed and "diverged" in verdict.trouble


def test_the_page_says_how_it_went(teacher):
    pytest.importorskip("panel")
    from dalab.views.panel.pages.lessons import Classroom, verdict_html

    room = Classroom(teacher)
    assert teacher.scenario.goal[:30] in room.told.object
    assert "Press Run" in verdict_html(teacher)
    tried(teacher, assumed=0.5)
    room.tick()
    assert "Goal reached" in room.verdict.object and "★" in room.verdict.object
    assert teacher.scenario.explanation[:30] in room.told_after.object
    assert any("★" in name for name in room.lessons.options)
    teacher.lesson = "collapse"
    assert len(room.choices.objects) == 2 and room.help.options == ["Hint"]
