"""Every scenario fails as it is set at first, and can be solved."""

from __future__ import annotations

import math

import pytest

from dalab.errors import InputError
from dalab.experiments.lessons.catalogue import (
    CHAOS,
    GUIDANCE,
    PARTICLES,
    SCENARIOS,
    STROBOSCOPE,
)
from dalab.experiments.lessons.scenario import Finding
from dalab.experiments.run import execute
from dalab.experiments.twin import prepare

EVERY = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))


def attempt(scenario, **changes):
    settings = {**scenario.start, **changes}
    return scenario.judge(execute(scenario.experiment(settings).replace(device="cpu")))


@pytest.mark.slow
@EVERY
def test_the_wrong_settings_fail_and_the_solution_passes(scenario):
    wrong, right = attempt(scenario), attempt(scenario, **scenario.solution)
    assert not wrong.passed and wrong.stars == 0
    assert right.passed and 1 <= right.stars <= 3 and not right.error
    assert len(right.findings) == len(scenario.measures)


@EVERY
def test_it_tells_its_story_without_its_answer(scenario):
    assert min(len(t) for t in (scenario.story, scenario.goal, scenario.hint)) > 50
    assert len(scenario.explanation) > 200 and len(scenario.choices) <= 3
    assert scenario.start != dict(scenario.solution)
    scenario.check(scenario.solution)
    for choice in scenario.choices:
        assert all(choice.format(value) for value in choice.values)


@pytest.mark.slow
@EVERY
def test_the_exact_answer_is_near_the_truth(scenario):
    if scenario.exact is None:
        return
    twin = prepare(scenario.experiment(scenario.solution))
    found = scenario.exact(twin.problem)
    error = float((found.mean - twin.truth).pow(2).mean().sqrt())
    assert found.mean.shape == twin.truth.shape and error < 0.5


def test_more_particles_do_not_help():
    assert not attempt(PARTICLES, members=500).passed


def test_guidance_that_diverges_says_so():
    verdict = attempt(GUIDANCE)
    assert "diverged" in verdict.error and math.isnan(verdict.findings[0].value)
    assert not attempt(GUIDANCE, gamma=10.0).passed, "too much doubt ignores the data"


def test_budgets_are_kept():
    _, readings = attempt(STROBOSCOPE, mask="stride:4", interval=1).findings
    assert readings.value == 90 and not readings.passed and readings.wanted == "at most 25"
    _, price = attempt(CHAOS, interval=1, noise=0.05).findings
    assert price.value == pytest.approx(180) and not price.passed


def test_settings_outside_the_choices_are_refused():
    with pytest.raises(InputError, match="Noise of the instrument = 7: must be one of"):
        CHAOS.experiment({**CHAOS.start, "noise": 7})


def test_no_number_fails():
    assert not Finding("error", math.nan, -math.inf, 1.0).passed
    ratio = Finding("ratio", 1.0, 0.7, 1.4)
    assert ratio.passed and ratio.wanted == "0.7 to 1.4"
