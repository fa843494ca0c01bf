"""The view-model, without a browser."""

import time

import numpy as np
import pytest
import xarray as xr

from dalab.views.model.display import OBSERVATIONS, TRUTH
from dalab.views.model.lab import LabModel

from .conftest import QUICK, settle


def test_before_a_run_the_network_is_previewed(model):
    fresh = settle(model)
    assert {TRUTH, OBSERVATIONS} <= fresh
    assert model.runs.state == "idle" and model.runs.result is None and model.display.scores() == {}
    assert model.display.field_plot(TRUTH).values.shape == (64, 64)
    seen = model.display.field_plot(OBSERVATIONS)
    assert np.isfinite(seen.values).sum() == 1024 and "1024 cells" in seen.note
    assert model.display.field_plot("spectral").values is None


def test_the_preview_follows_the_mask(model):
    settle(model)
    truth = model.display.field_plot(TRUTH).values
    model.controls.mask = "stride"
    settle(model)
    assert np.isfinite(model.display.field_plot(OBSERVATIONS).values).sum() == 256
    np.testing.assert_array_equal(model.display.field_plot(TRUTH).values, truth)


def test_unobserved_days_show_nothing(model):
    model.controls.interval = 4
    settle(model)
    model.display.time = 3
    assert np.isnan(model.display.field_plot(OBSERVATIONS).values).all()
    assert model.display.field_plot(OBSERVATIONS).note == "none now"
    model.display.time = 4
    assert np.isfinite(model.display.field_plot(OBSERVATIONS).values).any()


def test_a_run_from_start_to_end(finished):
    assert finished.runs.state == "done" and finished.runs.fraction == 1 and not finished.error
    assert finished.runs.status.startswith("Done after")
    assert list(finished.display.curves()) == ["spectral", "oi"]
    assert all(curve.shape == (9,) for curve in finished.display.curves().values())
    assert set(finished.runs.result["estimates"].children) == {"spectral", "oi"}
    rows = finished.display.scores()
    assert rows["spectral"]["network_evaluations"] == 3 and rows["spectral"]["members"] == 2
    assert np.isfinite([rows["oi"]["crps"], rows["oi"]["spread_skill"]]).all()
    assert not finished.pending, "a skin may stop polling"


def test_pictures_agree_with_the_result(finished):
    display = finished.display
    display.param.update(quantity="PV", layer="lower", time=7, view="mean")
    tree = finished.runs.result
    scale = 1e6 * float(tree["pv_scale"][1])
    mean = tree["estimates/oi/pv"].mean("member")[7, 1].values
    np.testing.assert_allclose(display.field_plot("oi").values, scale * mean, rtol=1e-5, atol=1e-6)
    truth = tree["truth/pv"][7, 1].values
    true = display.field_plot(TRUTH).values
    np.testing.assert_allclose(true, scale * truth, rtol=1e-5, atol=1e-6)
    display.view = "error"
    expected = scale * (mean - truth)
    np.testing.assert_allclose(display.field_plot("oi").values, expected, rtol=1e-4, atol=1e-5)
    display.view = "spread"
    std = scale * tree["estimates/oi/pv"].std("member", ddof=1)[7, 1].values
    np.testing.assert_allclose(display.field_plot("oi").values, std, rtol=1e-4, atol=1e-5)
    display.param.update(view="sample", member=2)
    sample = scale * tree["estimates/oi/pv"][1, 7, 1].values
    np.testing.assert_allclose(display.field_plot("oi").values, sample, rtol=1e-5, atol=1e-6)


def test_truth_and_estimates_share_a_scale_that_time_does_not_move(finished):
    finished.display.param.update(quantity="relative vorticity", layer="upper", view="mean")
    limits = set()
    for day in range(9):
        finished.display.time = day
        limits |= {finished.display.field_plot(name).limit for name in (TRUTH, "spectral", "oi")}
    assert len(limits) == 1


def test_looking_elsewhere_redraws_the_maps_and_nothing_else(finished):
    finished.poll()
    finished.display.time = 3
    assert finished.poll() == {TRUTH, OBSERVATIONS, "spectral", "oi"}


@pytest.mark.slow
def test_frames_arrive_while_it_runs(model):
    model.controls.param.update(methods=["spectral"], steps=40)
    model.run()
    pictures, fractions = set(), []

    def watch():
        values = model.display.field_plot("spectral").values
        if values is not None:
            pictures.add(values.tobytes())
            fractions.append(model.runs.fraction)
        return not model.runs.busy

    settle(model, watch)
    assert len(pictures) >= 3 and fractions == sorted(fractions)


def test_stop_keeps_what_there_is_and_run_again_works(model):
    model.controls.param.update(methods=["spectral", "mmps"], steps=200)  # mmps is slower
    model.run()
    settle(model, lambda: model.display.field_plot("spectral").values is not None)
    before = time.monotonic()
    model.stop()
    assert model.runs.state == "cancelled" and time.monotonic() - before < 1
    assert model.runs.status.startswith("Stopped")
    assert model.display.field_plot("spectral").values is not None
    assert "stopped" in model.display.field_plot("spectral").note
    partial = model.runs.result
    assert list(partial["estimates"].children) == ["spectral"]
    model.controls.steps = 3
    model.run()
    settle(model, lambda: model.runs.state == "done")
    assert model.runs.result is not partial and set(model.display.curves()) == {"spectral", "mmps"}
    assert model.display.scores()["spectral"]["network_evaluations"] == 3


def test_stop_while_preparing(model):
    model.run()
    model.stop()
    assert model.runs.state == "cancelled"
    settle(model)
    assert model.display.scores() == {}


BAD = [
    ("mask_options/random", "ratio", 0, ["ratio", "0", "above 0"]),
    ("mask_options/random", "ratio", 1.5, ["ratio", "1.5", "at most 1"]),
    ("mask_options/random", "ratio", None, ["ratio", "None", "number"]),
    ("", "noise", 0, ["noise", "0", "at least 1e-06"]),
    ("", "noise", -1, ["noise", "-1", "at least 1e-06"]),
    ("", "noise", None, ["noise", "None", "at least 1e-06"]),
    ("", "interval", 9, ["interval", "9", "shorter than the window of 9"]),
    ("", "members", 0, ["members", "0", "at least 1"]),
    ("", "steps", 1, ["steps", "1", "at least 2"]),
    ("", "seed", -3, ["seed", "-3", "at least 0"]),
    ("", "operators", [], ["operators", "[]", "at least one"]),
    ("", "methods", [], ["methods", "[]", "at least one"]),
    ("", "truth", "file", ["truth", "''", "one of"]),
    ("", "device", "cuda:99", ["device", "cuda:99", "GPU"]),
    ("method_options/spectral", "eta", 2, ["eta", "2", "at most 1"]),
]


def test_a_file_with_nan_is_refused_when_it_runs(model, tmp_path):
    """What only reading can find ends the run with the message, not with a broken page."""
    cells = np.full((11, 2, 64, 64), 1e-6)
    cells[1, 0, 3, 4] = np.nan
    path = tmp_path / "mine.nc"
    xr.Dataset(
        {"q": (("time", "lev", "y", "x"), cells, {"units": "s^-1"})},
        {"time": ("time", 86400.0 * np.arange(len(cells)), {"units": "s"})},
    ).to_netcdf(path, engine="h5netcdf")
    model.controls.truth, model.controls.truth_file = "file", str(path)
    model.run()
    settle(model)
    assert model.runs.state == "failed"
    assert "NaN" in model.runs.error and model.runs.error.endswith(".")


@pytest.mark.parametrize("where, name, value, words", BAD)
def test_bad_input_says_value_bound_and_remedy_and_loses_nothing(
    finished, where, name, value, words
):
    owner = finished.controls
    if where:
        group, key = where.split("/")
        owner = getattr(finished.controls, group)[key]
    good, result = getattr(owner, name), finished.runs.result
    try:
        setattr(owner, name, value)
        for word in words:
            assert word in finished.error
        assert finished.error.endswith("."), "ends with a remedy"
        finished.run()
        assert finished.runs.state == "done" and finished.runs.result is result
        assert finished.display.curves() and finished.error
    finally:
        setattr(owner, name, good)
    assert finished.error == ""


def test_other_choices_mark_the_run_as_outdated(finished):
    noise = finished.controls.noise
    finished.controls.noise = 0.7
    assert finished.outdated and finished.display.field_plot("oi").values is not None
    finished.controls.noise = noise
    assert not finished.outdated


def test_choices_made_during_a_run_wait_for_the_next_one(model):
    model.controls.steps = 60
    model.run()
    settle(model, lambda: "spectral" in model.display.curves())
    model.controls.param.update(methods=["oi"], mask="full", steps=3)
    assert model.labels == ("spectral", "oi"), "the layout stays while it runs"
    assert model.runs.busy and not model.error
    model.stop()
    assert model.labels == ("oi",) and model.outdated


def test_two_models_know_nothing_of_each_other(finished):
    one, two = LabModel(**QUICK, seed=0), LabModel(**QUICK, seed=1)
    two.controls.mask_options["random"].ratio = 0.1
    assert one.controls.mask_options["random"].ratio == 0.25
    one.run()
    two.run()
    settle(one, lambda: not one.runs.busy)
    settle(two, lambda: not two.runs.busy)
    alone = finished.runs.result["estimates/spectral/pv"].values
    np.testing.assert_array_equal(one.runs.result["estimates/spectral/pv"].values, alone)
    truths = [model.runs.result["truth/pv"].values for model in (one, two)]
    assert not np.array_equal(*truths)


def test_a_closed_model_stops_its_run(model):
    model.controls.steps = 200
    model.run()
    run = model.runs.shown.run
    model.close()
    assert run.wait(5) and run.state == "cancelled"


def test_several_operators_can_be_looked_at_one_by_one(model):
    model.controls.param.update(operators=["arctan", "velocity"])
    settle(model)
    assert list(model.display.param.observed.objects) == ["arctan", "velocity u", "velocity v"]
    model.display.param.update(observed="velocity v", layer="lower")
    assert model.display.field_plot(OBSERVATIONS).title == "Observed: velocity"
    assert model.display.field_plot(OBSERVATIONS).note.startswith("v2")
    model.controls.operators = ["arctan"]
    settle(model)
    assert model.display.observed == "arctan"


def test_a_failing_method_is_reported_and_the_others_go_on(model, monkeypatch):
    from dalab.methods import METHODS

    def explode(self, problem, streams):
        raise RuntimeError("it blew up")
        yield

    monkeypatch.setattr(METHODS["spectral"], "iterate", explode)
    model.run()
    settle(model, lambda: not model.runs.busy)
    assert model.runs.state == "done" and list(model.display.curves()) == ["oi"]
    assert "blew up" in model.display.field_plot("spectral").note


@pytest.mark.parametrize("system", ["lorenz63", "lorenz96"])
def test_systems_without_a_map_are_previewed_run_and_shown(model, system):
    model.controls.param.update(system=system, mask="full", operators=["identity"], methods=["oi"])
    settle(model)
    assert model.error == ""
    model.run()
    settle(model)
    assert model.runs.state == "done" and not model.error
    sites = {"lorenz63": 1, "lorenz96": 40}[system]
    for name in (TRUTH, OBSERVATIONS, "oi"):
        assert np.isfinite(model.display.field_plot(name).values).all(), name
        assert model.display.field_plot(name).values.shape == (9, sites)


def test_what_does_not_fit_a_system_is_said(model):
    model.controls.param.update(system="lorenz63", operators=["velocity"], mask="full")
    settle(model)
    assert "needs a two-layer QG system" in model.error
    model.controls.param.update(operators=["identity"], mask="tracks")
    settle(model)
    assert "needs a grid of two dimensions" in model.error
