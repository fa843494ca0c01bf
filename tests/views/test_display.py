"""The display by itself: what it follows, and which of its parts are to be drawn again."""

from __future__ import annotations

import numpy as np
import param
import pytest

from dalab.experiments.config import Config
from dalab.experiments.twin import prepare
from dalab.views.model.display import (
    CURVES,
    ESTIMATES,
    OBSERVATIONS,
    SCORES,
    TRUTH,
    DisplayModel,
)
from dalab.views.model.observed_run import ObservedRun

from .conftest import SMALL

RING = Config(**{**SMALL, "methods": ("oi",)})


class Source(param.Parameterized):
    """What a display follows."""

    system = param.String("lorenz96")
    run = param.Parameter()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def display(source) -> DisplayModel:
    made = DisplayModel(system=source.param.system, run=source.param.run)
    made.take_stale()
    return made


@pytest.fixture(scope="module")
def run() -> ObservedRun:
    """A run that has ended."""
    made = ObservedRun(RING)
    made.start()
    assert made.run.wait(60)
    return made


def test_it_follows_the_system_and_offers_its_fields(display, source):
    assert display.param.layer.objects != ["x", "y", "z"] and display.step_word == "step"
    source.system = "lorenz63"
    assert display.param.layer.objects == ["x", "y", "z"] and display.layer == "x"
    assert display.layer_word == "Variable"
    source.system = "qg64"
    assert display.layer_word == "Layer" and display.step_word == "day"
    assert display.field_plot(TRUTH).axes.kind == "plane"


def test_parts_are_stale_once(display):
    assert not display.stale and display.take_stale() == set()
    display.time = 2
    assert display.take_stale() == {TRUTH, OBSERVATIONS, ESTIMATES} and not display.stale
    display.replay_position = 0.5
    assert display.take_stale() == {CURVES, ESTIMATES}


def test_it_shows_a_run_and_then_another(display, source, run):
    assert display.curves() == {} and display.field_plot("oi").values is None
    source.run = run
    assert {TRUTH, OBSERVATIONS, "oi", CURVES, SCORES} <= display.take_stale()
    assert display.curves()["oi"].shape == (9,) and list(display.scores()) == ["oi"]
    truth = run.run.twin.truth.numpy()[:, 0, 0] * run.run.twin.system.scale.numpy()[0]
    np.testing.assert_allclose(display.field_plot(TRUTH).values, truth, rtol=1e-6)
    display.update()
    assert not display.stale, "nothing is new"
    source.run = None
    assert display.field_plot(TRUTH).values is None and display.scores() == {}


def test_the_preview_is_shown_until_the_run_has_a_truth_of_its_own(display, source, run):
    twin = prepare(RING.replace(noise=0.5))
    display.show_preview(twin)
    assert {TRUTH, OBSERVATIONS} <= display.take_stale()
    preview = display.field_plot(OBSERVATIONS).values
    source.run = run
    assert not np.array_equal(display.field_plot(OBSERVATIONS).values, preview)
    assert display.reuse_twin(RING) and display.reuse_twin(RING.replace(members=3))
    assert not display.reuse_twin(RING.replace(noise=0.5))


def test_another_system_empties_the_plots_of_a_run_that_has_ended(display, source, run):
    source.run = run
    source.system = "qg64"
    assert display.field_plot("oi").values is None and display.field_plot(TRUTH).values is None
    source.system = "lorenz96"
    assert display.field_plot("oi").values.shape == (9, 40)


def test_the_time_stays_in_the_window():
    display = DisplayModel(window=3)
    assert display.time == 2
    display.window = 2
    assert display.time == 1 and display.state.time == 1
