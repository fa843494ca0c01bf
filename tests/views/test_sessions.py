"""Many view-models in one process: a fair line, runs that are kept, and limits. No browser."""

from __future__ import annotations

import numpy as np
import pytest

from dalab.experiments.run import execute
from dalab.experiments.service.limits import Limits
from dalab.experiments.service.service import Service
from dalab.views.model.lab import LabModel

from ..experiments.stubs import Waiting
from .conftest import GATED, SMALL, done, running, settle


def estimate(model: LabModel, name: str = "stub") -> np.ndarray:
    return model.runs.result[f"estimates/{name}/pv"].values


def test_the_place_in_line_is_said(opened):
    first, second, third = running(opened(GATED)), opened(), opened()
    second.run()
    third.run()
    assert first.runs.state == "running" and second.runs.state == third.runs.state == "waiting"
    assert second.runs.busy and second.runs.status.startswith("Next in line")
    assert third.runs.status.startswith("2nd in line")
    second.stop()
    assert second.runs.state == "cancelled" and second.runs.status.startswith("Stopped")
    settle(third, lambda: third.runs.status.startswith("Next in line"))
    Waiting.gate.set()
    assert done(first).runs.error == done(third).runs.error == ""


def test_two_sessions_get_what_they_would_get_alone(opened):
    models = [opened(seed=seed) for seed in (0, 1)]
    for model in models:
        model.run()
    for model in models:
        expected = execute(done(model).config)
        np.testing.assert_array_equal(estimate(model), expected["estimates/stub/pv"])
    assert not np.array_equal(estimate(models[0]), estimate(models[1]))


@pytest.mark.slow
def test_twenty_sessions_of_which_three_run_at_a_time(opened, service):
    service.concurrency = 3
    began = []
    models = [opened(GATED if i < 3 else SMALL, seed=i) for i in range(20)]
    for model in models:
        model.run()
    assert [model.runs.state for model in models[3:]] == ["waiting"] * 17
    places = [model.runs.shown.run.queue_position.ahead for model in models[3:]]
    assert places == list(range(17)), "in the order in which they came"
    Waiting.gate.set()
    for model in models:
        assert done(model).runs.error == ""
        began.append(model.runs.shown.run._ticket.started)
    assert began == sorted(began)
    alone = execute(models[7].config)
    np.testing.assert_array_equal(estimate(models[7]), alone["estimates/stub/pv"])


def test_a_page_that_is_closed_frees_the_worker(opened):
    first, second = running(opened(GATED)), opened()
    second.run()
    first.close()
    Waiting.gate.set()
    assert done(second).runs.error == ""
    assert first.runs.shown.run.state == "cancelled"
    assert first.runs.shown.run.scores["waiting"].network_evaluations == 1


def test_a_page_that_is_closed_in_line_leaves_it(opened):
    running(opened(GATED))
    second, third = opened(), opened()
    second.run()
    third.run()
    second.close()
    assert third.runs.shown.run.queue_position.ahead == 0


def test_a_kept_run_goes_on_and_is_found_again(opened):
    first = opened(GATED)
    first.runs.keep_running = True
    running(first).close()
    assert first.runs.shown.run.state == "running"
    back = opened(seed=3)
    assert back.come_back(first.runs.session.key)
    assert back.runs.busy and back.runs.keep_running
    assert back.controls.seed == 0 and back.labels == ("waiting",)
    settle(back, lambda: back.display.field_plot("waiting").values is not None)
    Waiting.gate.set()
    done(back)
    assert back.display.scores()["waiting"]["network_evaluations"] == 4 and back.runs.fraction == 1
    assert len(back.history) == 1 and estimate(back, "waiting").shape[0] == 2
    back.close()
    late = opened()
    assert late.come_back(first.runs.session.key) and late.runs.state == "done"
    assert "RMSE" in late.display.field_plot("waiting").note and len(late.history) == 1


def test_a_page_whose_connection_broke_takes_its_run_along(opened):
    lost = running(opened(GATED))
    back = opened(seed=3)
    assert back.come_back(lost.runs.session.key) and back.runs.busy and not back.runs.keep_running
    lost.close()
    assert back.runs.shown.run.state == "running", "it has another page by now"
    Waiting.gate.set()
    expected = execute(done(back).config)["estimates/waiting/pv"]
    np.testing.assert_array_equal(estimate(back, "waiting"), expected)
    back.close()
    assert not opened().come_back(lost.runs.session.key), "nobody was there any more"


def test_what_is_not_kept_is_not_found(opened):
    model = running(opened(GATED))
    model.runs.keep_running = True
    model.runs.keep_running = False
    model.close()
    other = opened()
    assert not other.come_back(model.runs.session.key) and not other.come_back("guess")
    assert model.runs.shown.run.state == "cancelled"
    assert other.runs.session.key != model.runs.session.key


def test_a_new_run_takes_the_place_of_the_one_that_was_kept(opened):
    model = opened()
    model.runs.keep_running = True
    model.run()
    first = done(model).runs.shown
    model.run()
    session = model.runs.session
    assert session.service.kept_runs.get(session.key) is model.runs.shown is not first
    done(model)


def test_over_the_limits_the_form_says_so_and_nothing_runs(opened):
    service = Service(Limits(size=2 * 360))
    model = opened(service=service)
    assert model.error == "" and model.controls.window == 9
    model.controls.members = 3
    assert "must be at most 720 here" in model.error and "Use 2 members" in model.error
    model.run()
    assert model.runs.state == "idle" and model.error
    model.controls.members = 2
    model.run()
    assert done(model).runs.error == ""


def test_too_many_runs_are_refused(opened):
    service = Service(Limits(waiting=1))
    first, second, third = (opened(GATED, service=service) for _ in range(3))
    running(first)
    second.run()
    third.run()
    assert third.runs.state == "idle" and "runs in line = 1" in third.runs.error
    assert second.runs.state == "waiting" and second.runs.error == ""


def test_too_long_a_run_is_stopped_and_says_why(opened):
    model = opened(service=Service(Limits(seconds=1e-9)), steps=50)
    model.run()
    settle(model, lambda: not model.runs.busy)
    assert model.runs.state == "cancelled" and "was stopped. seconds of a run" in model.runs.error
    assert model.display.scores()["stub"]["network_evaluations"] == 1


def test_a_run_can_be_replayed(opened):
    model = opened(steps=30)
    assert not model.display.replayable
    model.run()
    done(model)
    model.poll()
    last, curve = model.display.field_plot("stub"), model.display.curves()["stub"]
    model.display.replay_position = 0.5
    assert model.poll() == {"stub", "curves"}
    half = model.display.field_plot("stub")
    assert "step 15" in half.note and "step" not in last.note
    spread = {m: model.display.spreads()["stub"].mean() for m in _moments(model, 0.1, 0.5, 1.0)}
    assert spread[0.1] > spread[0.5] > spread[1.0]
    model.display.replay_position = 1.0
    np.testing.assert_array_equal(model.display.field_plot("stub").values, last.values)
    np.testing.assert_array_equal(model.display.curves()["stub"], curve)
    model.display.replay_position = 0.2
    model.run()
    assert model.display.replay_position == 1.0, "a new run is watched as it goes"
    done(model)


def _moments(model: LabModel, *moments: float):
    for moment in moments:
        model.display.replay_position = moment
        yield moment


def test_the_share_of_a_method_at_work_is_said_and_one_time_left(opened):
    model = running(opened(GATED))
    note = model.display.field_plot("waiting").note
    assert "25%" in note and "left" not in note, "a time beside that of the run would contradict it"
    assert "left" in model.runs.status
    assert model.runs.shown.run.scores["waiting"].fraction == 0.25
    Waiting.gate.set()
    assert "25%" not in done(model).display.field_plot("waiting").note


def test_a_key_from_another_browser_shows_its_run_and_nothing_more(opened):
    attacker, victim = opened(GATED), opened()
    attacker.runs.session.browser, victim.runs.session.browser = "one", "other"
    key = attacker.runs.session.key
    running(attacker)
    assert not victim.come_back(key), "its page is open, and not that of this browser"
    attacker.runs.keep_running = True
    assert victim.come_back(key) and victim.runs.shown is attacker.runs.shown
    assert victim.runs.session.key != key, "runs of its own get a key of its own"
    victim.close()
    assert attacker.runs.shown.run.state == "running", "a visitor ends no run"
    again = opened()
    again.runs.session.browser = "one"
    assert again.come_back(key) and again.runs.session.key == key
    Waiting.gate.set()
