"""Runs of a session: kept, shown again, compared, written to files."""

import csv
import io

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from dalab.experiments.results.store import load, save
from dalab.experiments.results.stored_run import StoredRun
from dalab.views.model.history import add_entry
from dalab.views.model.history import entries as history
from dalab.views.model.lab import LabModel
from dalab.views.model.observed_run import ObservedRun
from dalab.views.render.exports import FORMATS

from .conftest import QUICK, end, settle


@pytest.fixture(scope="module")
def twice():
    """A model after two different runs; shared, so tests leave it as they find it."""
    model = LabModel(**QUICK)
    run(model)
    model.controls.param.update(noise=0.4, methods=["oi"])
    run(model)
    yield model
    end(model)


def run(model):
    model.run()
    settle(model, lambda: not model.runs.busy)


def test_every_run_that_ended_is_kept(twice):
    assert [entry.title for entry in twice.history] == ["Run 1", "Run 2"]
    assert twice.shown_entry is twice.history[1]
    assert "noise 0.4" in twice.history[1].about and "noise" not in twice.history[0].about


def test_an_earlier_run_is_shown_again_with_its_choices(twice):
    first, second = twice.history
    newest = twice.runs.result
    twice.show(first)
    fresh = twice.poll()
    assert {"truth", "observations", "spectral", "oi", "curves", "scores"} <= fresh
    assert twice.controls.noise == 0.1 and twice.controls.methods == ["spectral", "oi"]
    assert not twice.outdated
    assert list(twice.display.scores()) == ["spectral", "oi"]
    assert twice.runs.result is not newest and twice.shown_entry is first
    twice.show(second)
    settle(twice)
    assert twice.controls.noise == 0.4
    assert twice.runs.result is newest and twice.runs.state == "done"


def test_a_stored_run_is_shown_like_any_other(twice, tmp_path):
    first, second = twice.history
    stored = StoredRun(load(save(first.result, tmp_path / "run.nc")))
    model = LabModel(**QUICK)
    model.history = add_entry(model.history, ObservedRun(stored.config, stored), "run.nc")
    model.show(model.history[0])
    assert model.shown_entry.title == "run.nc" and model.runs.state == "done" and not model.error
    twice.show(first)
    for name in ("truth", "observations", "oi", "spectral"):
        plots = [one.display.field_plot(name) for one in (model, twice)]
        np.testing.assert_array_equal(plots[0].values, plots[1].values)
    assert model.display.scores()["oi"] == pytest.approx(twice.display.scores()["oi"])
    twice.show(second)
    end(model)


def test_nothing_is_shown_while_a_run_goes_on(model):
    run(model)
    model.controls.steps = 300
    model.controls.methods = ["spectral"]
    model.run()
    model.show(model.history[0])
    assert model.runs.busy and model.controls.steps == 300
    model.stop()
    settle(model)


def test_the_history_is_bounded(twice, monkeypatch):
    first = twice.history[0]
    many = []
    for _ in range(history.MOST + 3):
        many = add_entry(many, first.observed_run)
    assert [entry.number for entry in many] == list(range(4, history.MOST + 4))
    monkeypatch.setattr(history, "MEMORY", 2 * first.size)
    assert len(add_entry(many, first.observed_run)) == 2
    monkeypatch.setattr(history, "MEMORY", 1)
    assert len(add_entry(many, first.observed_run)) == 1, "the newest stays"


def test_a_run_that_was_stopped_before_it_had_a_truth_is_not_kept(model, monkeypatch):
    monkeypatch.setattr(ObservedRun, "twin_fields", None)
    model.run()
    model.stop()
    assert model.history == [] and model.shown_entry is None


@pytest.mark.parametrize("system", ["lorenz63", "lorenz96"])
def test_rings_and_points_move_too(system):
    model = LabModel(
        system=system, operators=["identity"], masks=["full"], methods=["etkf"], members=4
    )
    run(model)
    made = FORMATS["gif"].make(model.shown_entry, model.display.state)
    image = Image.open(io.BytesIO(made))
    assert image.n_frames == 9
    end(model)


@pytest.fixture(scope="module")
def files(twice):
    entry = twice.history[0]
    return {key: form.make(entry, twice.display.state) for key, form in FORMATS.items()}


def test_the_netcdf_is_the_result(twice, files, tmp_path):
    (tmp_path / "run.nc").write_bytes(files["netcdf"])
    assert load(tmp_path / "run.nc").identical(twice.history[0].result)


def test_the_csv_has_a_row_per_method_and_step(twice, files):
    rows = list(csv.DictReader(io.StringIO(files["csv"].decode())))
    assert [(r["method"], float(r["time"])) for r in rows] == [
        (name, day) for name in ("spectral", "oi") for day in range(9)
    ]
    scores = twice.history[0].result["metrics/rmse_steps"]
    assert float(rows[12]["rmse_steps"]) == pytest.approx(float(scores[1, 3]))
    assert {"spread_steps", "crps_steps", "status"} <= rows[0].keys()


def test_the_figure_is_a_picture(files):
    image = Image.open(io.BytesIO(files["png"]))
    assert image.format == "PNG" and image.width > 800


def test_the_animation_moves_once_per_step(files):
    image = Image.open(io.BytesIO(files["gif"]))
    assert image.format == "GIF" and image.n_frames == 9
    frames = []
    for i in range(9):
        image.seek(i)
        frames.append(np.asarray(image.convert("RGB")))
    assert len({frame.tobytes() for frame in frames}) == 9


def test_a_partial_result_has_files_too(twice):
    tree = twice.history[0].result.copy()
    tree.attrs["status"] = "cancelled"
    tree["estimates"] = tree["estimates"].drop_nodes("oi")
    assert isinstance(tree, xr.DataTree)
    stored = StoredRun(tree)
    entry = add_entry([], ObservedRun(stored.config, stored))[0]
    for form in FORMATS.values():
        assert len(form.make(entry, twice.display.state)) > 100
