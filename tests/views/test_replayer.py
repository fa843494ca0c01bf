"""The slider and the button of the replay, and the tick that keeps a run, without a server."""

from __future__ import annotations

import pytest

pn = pytest.importorskip("panel")

from dalab.views.panel.sidebar import KEY, persist_toggle  # noqa: E402
from dalab.views.panel.toolbar import PAUSE, PLAY, Replayer  # noqa: E402

from .conftest import done  # noqa: E402

pytestmark = pytest.mark.lab


@pytest.fixture
def model(opened):
    return opened(steps=30)


@pytest.fixture
def replayer(model, monkeypatch):
    """The replay of a run of 30 steps, with a clock that stands still."""
    made = Replayer(model.display)
    for name in ("start", "stop"):
        running = name == "start"
        monkeypatch.setattr(
            made._clock, name, lambda running=running: made._clock.param.update(running=running)
        )
    return made


def test_there_is_nothing_to_play_before_a_run(model, replayer):
    assert replayer.play.disabled and replayer.slider.disabled
    model.run()
    done(model)
    assert not replayer.play.disabled and not replayer.slider.disabled


def test_the_slider_is_the_moment(replayer):
    replayer.slider.value = 0.4
    assert replayer.display.replay_position == 0.4
    replayer.display.replay_position = 0.7
    assert replayer.slider.value == 0.7


def test_play_goes_from_the_start_to_the_end_and_stops(replayer):
    replayer.play.clicks += 1
    assert replayer.display.replay_position == 0
    assert replayer.play.label == PAUSE and replayer._clock.running
    moments = []
    while replayer._clock.running:
        replayer.step()
        moments.append(replayer.display.replay_position)
    assert moments == sorted(moments) and moments[-1] == 1 and len(moments) == 40
    assert replayer.play.label == PLAY


def test_a_pause_stays_where_it_is(replayer):
    replayer.play.clicks += 1
    for _ in range(10):
        replayer.step()
    replayer.play.clicks += 1
    assert replayer.display.replay_position == pytest.approx(0.25) and not replayer._clock.running
    replayer.play.clicks += 1
    assert replayer.display.replay_position == pytest.approx(0.25) and replayer._clock.running


def test_the_tick_keeps_and_writes_the_key_into_the_address(opened):
    model = opened()
    tick = persist_toggle(model.runs)
    model.run()
    done(model)
    tick.value = tick.options
    assert model.runs.session.service.kept_runs.get(model.runs.session.key) is model.runs.shown
    tick.value = []
    assert model.runs.session.service.kept_runs.get(model.runs.session.key) is None
    [[callback]] = tick.get_root().js_property_callbacks.values()
    assert KEY in callback.code and callback.args["key"] == model.runs.session.key
