"""Cycled runs in the view-model: what is shown live, looked back at, stopped and continued."""

from __future__ import annotations

from urllib.parse import parse_qs

import numpy as np
import pytest

from dalab.errors import InputError
from dalab.experiments.config import CYCLED, Config
from dalab.experiments.experiment import Experiment
from dalab.experiments.truth import FLOWS, TRUTHS
from dalab.methods import METHODS
from dalab.views.model.compatibility import unavailable_methods, unavailable_truths
from dalab.views.model.controls import Controls
from dalab.views.model.cycled_display import prepare_cycles
from dalab.views.model.display import CURVES, OBSERVATIONS, SCORES, TRUTH
from dalab.views.model.lab import LabModel
from dalab.views.model.url import default_config, link_query, model_from_url

from .conftest import RING, end, settle


@pytest.fixture
def model():
    made = LabModel(**RING)
    yield made
    end(made)


def series(model: LabModel, name: str = "rmse_analysis") -> np.ndarray:
    return model.runs.shown.run.recorders["etkf"].series[name]


# --- choices --------------------------------------------------------------------------------------


def test_fields_of_cycles_reach_the_config_only_while_they_are_chosen():
    form = Controls(**RING)
    form.param.update(burn_in=7, gaps="3-5", repeats=2)
    assert form.use_cycles and form.config().cycles == 90 and form.config().gaps == "3-5"
    form.use_cycles = False
    window = form.config()
    assert all(getattr(window, name) == Config.fields()[name].default for name in CYCLED)
    form.use_cycles = True
    assert (form.config().burn_in, form.config().repeats) == (7, 2), "they were not forgotten"


def test_a_config_with_cycles_fills_the_form():
    config = Config(**RING).replace(
        burn_in=3, missing=0.1, keep=10, shocks="0.1:0.2,0.02:1", start="normal:std=2"
    )
    assert Controls(**config.to_dict()).config() == config


def test_a_wrong_field_of_cycles_is_explained(model):
    model.controls.gaps = "three"
    assert "gaps" in model.error and "100-120" in model.error
    model.controls.param.update(gaps="", burn_in=90)
    assert "below the 90 cycles" in model.error
    model.controls.use_cycles = False
    assert not model.error, "a window has no burn-in"


# --- before a run ---------------------------------------------------------------------------------


def test_the_preview_is_the_truth_that_the_run_will_have(model):
    settle(model)
    truth, seen = (model.display.field_plot(name) for name in (TRUTH, OBSERVATIONS))
    assert truth.values.shape == seen.values.shape == (64, 40) and "cycles 1 to 64" in truth.note
    assert model.display.field_plot("etkf").values is None
    model.run()
    settle(model)
    model.display.cycles.position = 64
    np.testing.assert_array_equal(model.display.field_plot(TRUTH).values, truth.values)
    np.testing.assert_array_equal(model.display.field_plot(OBSERVATIONS).values, seen.values)


def test_gaps_show_in_the_preview():
    ahead = prepare_cycles(Config(**RING).replace(gaps="2-3", cycles=4, burn_in=0))
    assert [bool(s.observed) for s in ahead.snapshots] == [True, False, False, True]
    assert np.isnan(ahead.fields.observed(0)[-2]).all()


def test_only_truths_and_methods_that_can_be_cycled_are_offered():
    form = Controls(system="qg64", truth="pyqg", methods=["letkf", "rts", "persistence"])
    assert form.param.truth.objects == ["model", "pyqg", "model-fine", "pyqg-fine", "file"]
    form.use_cycles = True
    assert form.param.truth.objects == ["model", "model-fine", "file"]
    assert form.truth == "model" and form.methods == ["letkf"]
    assert "truth pyqg" in form.note and "model instead" in form.note
    assert "rts, which estimates windows only" in form.note and "persistence" in form.note
    form.truth = "model-fine"
    assert not form.note
    form.system = "lorenz96"
    assert form.param.truth.objects == ["model", "file"] and form.truth == "model"
    assert "model-fine" in form.note
    form.param.update(use_cycles=False)
    assert form.param.truth.objects == ["model", "file"] and not form.note


@pytest.mark.parametrize("system", ["qg64", "lorenz96", "kuramoto-sivashinsky"])
@pytest.mark.parametrize("cycles", [None, 5])
def test_what_is_offered_is_what_is_not_refused(system, cycles):
    names = dict.fromkeys(["truth", "methods"])
    names["truth"] = unavailable_truths(system, bool(cycles))
    names["methods"] = unavailable_methods(system, bool(cycles))
    base = Config(**RING | {"system": system, "cycles": cycles, "prior": "gaussian"})
    if cycles is None:
        assert set(names["truth"]) == (set() if system == "qg64" else set(FLOWS))
        return
    for name in TRUTHS:
        assert is_refused(base.replace(truth=name)) == (name in names["truth"]), name
    linear = {"kf", "rts"}  # refused when they look at the dynamics
    for name in METHODS.keys() - linear:
        assert is_refused(base.replace(methods=[name])) == (name in names["methods"]), name
    assert linear <= names["methods"].keys()


def is_refused(config: Config) -> bool:
    try:
        Experiment.of(config)
    except InputError:
        return True
    return False


def test_a_link_with_a_truth_that_cannot_be_cycled_says_so():
    model = model_from_url({}, {"cycles": ["9"], "truth": ["pyqg"]})
    assert "pyqg" in model.notice and model.controls.truth == "model"
    end(model)


def test_a_truth_of_ones_own_numbers_cannot_be_cycled(monkeypatch):
    monkeypatch.setitem(TRUTHS, "given-9", lambda *_: None)
    with pytest.raises(InputError, match="given-9.*has the states of a window"):
        Experiment.of(Config(**RING | {"truth": "given-9"}))
    assert "given-9" in unavailable_truths("lorenz96", cycled=True)
    assert "given-9" not in unavailable_truths("lorenz96")


# --- a run and the look back ----------------------------------------------------------------------


def test_a_run_ends_with_states_curves_and_scores(cycled):
    display = cycled.display
    assert cycled.runs.state == "done" and display.shows_cycles
    plot = display.field_plot("etkf")
    assert plot.values.shape == (64, 40) and plot.axes.kind == "ring"
    assert plot.note == f"RMSE {series(cycled)[0, -1]:.3f}"
    curves = display.cycles.curves()["etkf"]
    np.testing.assert_array_equal(curves.error, series(cycled)[0])
    np.testing.assert_allclose(curves.mean[-1], series(cycled)[0, -5:].mean())
    assert display.cycles.extent == (90, 18)
    assert display.scores()["etkf"]["rmse_mean"] == pytest.approx(series(cycled)[0, 18:].mean())
    ranks = display.cycles.ranks()["etkf"]
    assert ranks.share.shape == (25,) and ranks.share.mean() == pytest.approx(1)


def test_the_cycle_shown_is_the_newest_or_the_one_looked_back_at(cycled):
    cycles, display = cycled.display.cycles, cycled.display
    assert (cycles.first, cycles.last, cycles.shown) == (1, 90, 90)
    newest = display.field_plot("etkf").values
    display.take_stale()
    cycles.position = 80
    assert display.take_stale() >= {TRUTH, OBSERVATIONS, CURVES} and cycles.shown == 80
    earlier = display.field_plot("etkf")
    np.testing.assert_array_equal(earlier.values[10:], newest[:-10])
    assert earlier.note == f"RMSE {series(cycled)[0, 79]:.3f}"
    cycles.position = 0
    np.testing.assert_array_equal(display.field_plot("etkf").values, newest)


def test_the_error_is_that_of_the_recorder(cycled):
    display = cycled.display
    display.view = "error"
    error = display.field_plot("etkf").values / float(display.cycles.fields().system.scale[0])
    display.view = "mean"
    rmse = np.sqrt((error**2).mean(1))
    np.testing.assert_allclose(rmse, series(cycled)[0, -64:], rtol=1e-4)


def test_only_what_is_new_is_drawn_again(cycled):
    cycled.poll()
    assert not cycled.poll()
    assert not cycled.display.cycles.update()


def test_live_states_come_while_it_runs(model):
    model.controls.param.update(cycles=5000, burn_in=20)
    model.run()
    fresh = settle(model, lambda: model.display.cycles.last > 70)
    assert {"etkf", TRUTH, OBSERVATIONS, CURVES, SCORES} <= fresh and model.runs.busy
    assert len(model.display.cycles.curves()["etkf"].error) >= 70
    model.stop()
    kept = model.display.cycles.last
    settle(model)
    assert model.runs.state == "cancelled" and model.display.cycles.last == kept
    assert model.display.field_plot("etkf").values is not None
    scores = model.history[-1].scores["etkf"]
    assert scores.status == "cancelled"
    metrics = model.runs.result["metrics"].to_dataset().sel({"method": "etkf"})
    for name in ("rmse_forecast", "crps", "crps_err", "rmse_mean_err", "spread", "coverage"):
        assert getattr(scores, name) == float(metrics[name]), name


# --- links ----------------------------------------------------------------------------------------


def opened(link: str) -> LabModel:
    return model_from_url({}, parse_qs(link))


def test_a_link_shows_the_cycle_that_was_looked_back_at(cycled):
    base, cycles = default_config({}), cycled.display.cycles
    assert "cycle=" not in link_query(cycled, base)
    cycles.position = 80
    link = link_query(cycled, base)
    assert link.endswith("&cycle=80")
    earlier = cycled.display.field_plot("etkf").values
    cycles.position = 0
    again = opened(link)
    assert link_query(again, base) == link, "before it is run"
    again.run()
    settle(again)
    assert again.display.cycles.shown == again.display.cycles.position == 80
    np.testing.assert_array_equal(again.display.field_plot("etkf").values, earlier)
    again.display.cycles.position = 0
    assert "cycle=" not in link_query(again, base)
    again.poll()
    assert again.display.cycles.position == 0, "a link is used once"
    again.controls.use_cycles = False
    again.display.time = 2
    again.display.cycles.position = 70
    assert "time=2" in link_query(again, base) and "cycle" not in link_query(again, base)
    end(again)


def test_a_cycle_that_the_run_does_not_have_is_the_newest(cycled):
    link = link_query(cycled, default_config({}))
    beyond = opened(f"{link}&cycle=91")
    beyond.run()
    settle(beyond)
    assert beyond.display.cycles.shown == 90 and beyond.display.cycles.position == 0
    assert "cycle=" not in link_query(beyond, default_config({}))
    end(beyond)
    refused = opened(f"{link}&cycle=-1")
    assert "cycle in the link" in refused.notice
    end(refused)


# --- continue -------------------------------------------------------------------------------------


def undisturbed(cycles: int) -> np.ndarray:
    whole = LabModel(**{**RING, "cycles": cycles, "burn_in": 18})
    whole.run()
    settle(whole)
    found = series(whole)
    end(whole)
    return found


def test_a_run_that_is_done_takes_as_many_cycles_more(model):
    assert not model.runs.can_continue
    model.run()
    settle(model)
    assert model.runs.can_continue
    for total in (180, 270):
        model.continue_run()
        assert model.controls.cycles == total and not model.outdated
        settle(model)
    assert model.runs.state == "done" and model.display.cycles.extent == (270, 18)
    np.testing.assert_array_equal(series(model), undisturbed(270))


def test_a_run_that_was_stopped_goes_on_to_its_end_to_the_bit(model):
    model.controls.param.update(cycles=600, burn_in=18)
    model.run()
    settle(model, lambda: model.display.cycles.last > 50)
    model.stop()
    reached = model.runs.shown.run.recorders["etkf"].cycle
    assert reached < 600
    model.continue_run()
    settle(model)
    assert model.runs.shown.config.cycles == 600 and np.isfinite(series(model)).all()
    np.testing.assert_array_equal(series(model)[:, :180], undisturbed(180))


def test_it_goes_on_to_the_number_of_cycles_chosen_if_there_are_more(model):
    model.run()
    settle(model)
    model.controls.cycles = 120
    model.continue_run()
    settle(model)
    assert model.runs.shown.config.cycles == 120 and model.runs.state == "done"


def test_a_run_that_was_stopped_may_end_sooner(model):
    model.controls.cycles = 5000
    model.run()
    settle(model, lambda: model.display.cycles.last > 50)
    model.stop()
    reached = model.runs.shown.run.recorders["etkf"].cycle
    model.controls.cycles = reached + 20
    model.continue_run()
    settle(model)
    assert model.runs.state == "done" and model.display.cycles.extent == (reached + 20, reached)
    assert np.isfinite(series(model)).all()


def test_a_window_cannot_be_continued():
    made = LabModel(**{**RING, "cycles": None, "methods": ["oi"], "members": 2})
    made.run()
    settle(made)
    assert not made.runs.can_continue
    made.continue_run()
    assert not made.runs.busy
    end(made)


# --- window and cycles ----------------------------------------------------------------------------


def test_the_switch_shows_the_other_kind_of_experiment(cycled):
    cycled.controls.use_cycles = False
    settle(cycled)
    display = cycled.display
    assert not display.shows_cycles and display.scores() == {} and display.curves() == {}
    assert display.field_plot("etkf").values is None
    assert display.field_plot(TRUTH).values.shape == (9, 40)
    cycled.controls.use_cycles = True
    settle(cycled)
    assert display.field_plot("etkf").values.shape == (64, 40) and "etkf" in display.scores()


def test_a_run_is_shown_until_its_end_whatever_is_chosen_meanwhile(model):
    model.controls.cycles = 5000
    model.run()
    settle(model, lambda: model.display.cycles.last > 0)
    model.controls.use_cycles = False
    assert model.display.shows_cycles and model.display.field_plot("etkf").values is not None
    model.stop()
    settle(model)
    assert not model.display.shows_cycles


def test_methods_take_turns_and_show_their_last_states(model):
    model.controls.param.update(methods=["letkf", "etkf"], cycles=300)
    model.run()
    settle(model, lambda: not model.runs.busy
           or model.display.field_plot("letkf").values is not None)
    assert model.runs.busy and model.display.cycles.last < 300
    assert "cycle 300" in model.display.field_plot("etkf").note, "it is quicker, and ran first"
    settle(model)
    assert model.display.cycles.last == 300
    assert all("cycle" not in model.display.field_plot(n).note for n in ("letkf", "etkf"))
