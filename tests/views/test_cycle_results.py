"""Results of cycled runs elsewhere: files that come back, exports, and the other pages."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from dalab.errors import InputError
from dalab.experiments.cycles.stored import StoredCycles, restore
from dalab.experiments.results.diagnostics import calibration, physics, spectra
from dalab.experiments.results.store import load, save
from dalab.views.model.display import OBSERVATIONS, TRUTH
from dalab.views.model.history import add_entry
from dalab.views.model.lab import LabModel
from dalab.views.model.observed_run import ObservedRun
from dalab.views.model.sensor_value import SensorQuery, sensor_value
from dalab.views.render.exports import FORMATS
from dalab.views.render.result_figure import figure

from .conftest import RING, end, settle

TWO = {**RING, "methods": ["etkf", "oi"], "cycles": 70, "gaps": "69", "members": 24}


@pytest.fixture(scope="module")
def finished():
    made = LabModel(**TWO)
    made.run()
    settle(made)
    assert made.runs.state == "done"
    yield made
    end(made)


@pytest.fixture(scope="module")
def tree(finished):
    return finished.history[-1].result


def test_a_stored_run_shows_what_the_run_showed(finished, tree, tmp_path):
    stored = restore(load(save(tree, tmp_path / "run.nc")))
    assert isinstance(stored, StoredCycles) and stored.config == finished.config
    other = LabModel(**{**TWO, "seed": 7})
    other.history = add_entry(other.history, ObservedRun(stored.config, stored), "run.nc")
    other.show(other.history[-1])
    settle(other)
    assert other.runs.state == "done" and not other.runs.can_continue
    for position in (0, 30):
        for model in (finished, other):
            model.display.cycles.position = position
        for name in (TRUTH, OBSERVATIONS, "etkf", "oi"):
            ours, theirs = (m.display.field_plot(name) for m in (finished, other))
            np.testing.assert_array_equal(ours.values, theirs.values)
            assert (ours.note, ours.limit) == (theirs.note, theirs.limit)
    curves, ranks = other.display.cycles.curves(), other.display.cycles.ranks()
    for name, found in finished.display.cycles.curves().items():
        np.testing.assert_array_equal(found.error, curves[name].error)
        np.testing.assert_array_equal(
            finished.display.cycles.ranks()[name].share, ranks[name].share
        )
    ours, theirs = (m.display.scores() for m in (finished, other))
    for name, scores in ours.items():
        assert theirs[name] == pytest.approx(scores, nan_ok=True)
    end(other)


@pytest.mark.parametrize(("change", "words"), [
    (lambda tree: tree.attrs.update(status="well"), "status"),
    (lambda tree: tree["truth"].update({"pv": tree["truth/pv"] * np.nan}), "finite"),
    (lambda tree: tree["metrics"].update(
        {"rmse_analysis_cycles": tree["metrics/rmse_sample_cycles"][:, :, :5].rename(cycle="c")}
    ), "shape of metrics/rmse_analysis_cycles"),
])
def test_files_that_do_not_match_their_config_are_refused(tree, change, words):
    changed = tree.copy(deep=True)
    change(changed)
    with pytest.raises(InputError, match=words):
        restore(changed)


def test_every_export_is_made_of_a_cycled_run(finished):
    entry = finished.history[-1]
    made = {name: f.make(entry, finished.display.state) for name, f in FORMATS.items()}
    assert Image.open(io.BytesIO(made["png"])).size[0] > 800
    assert Image.open(io.BytesIO(made["gif"])).n_frames == 48
    assert b"etkf" in made["csv"] and len(made["netcdf"]) > 10_000


def test_the_figure_of_a_result_shows_its_last_cycle(tree):
    page = figure(tree)
    maps, curves = page.subfigs
    titles = [ax.get_title() for ax in maps.axes]
    error = float(tree["metrics/rmse_steps"].sel({"method": "etkf"})[-1])
    assert f"etkf, mean\nRMSE {error:.3f}" in titles
    assert len(curves.axes[0].lines) == 4 and curves.axes[0].get_xlim() == (0, 70)


def test_ranks_are_those_of_all_cycles_and_states_the_last_ones(finished, tree):
    counts = finished.runs.shown.run.recorders["etkf"].rank_counts
    found = calibration(tree)["etkf"]
    np.testing.assert_allclose(found.ranks, counts * len(counts) / counts.sum())
    assert len(found.covered) == 12 and np.isfinite(found.ratio).all()
    truth, methods = physics(tree)
    assert not len(truth.residual) and len(truth.energy) == 70 and set(methods) == {"etkf", "oi"}
    assert set(spectra(tree, 0)[1]) == {"etkf", "oi"}


def test_methods_that_were_not_reached_do_no_harm():
    model = LabModel(**{**TWO, "cycles": 3000})
    model.run()
    settle(model, lambda: model.display.cycles.last > 130)
    model.stop()
    settle(model)
    tree = model.history[-1].result
    assert set(calibration(tree)) == {"etkf"} and set(spectra(tree, 0)[1]) == {"etkf"}
    stored = restore(tree)
    assert stored.scores["oi"].status == "cancelled" and set(stored.recorders) == {"etkf"}
    assert stored.recorders["etkf"].cycle == model.runs.shown.run.recorders["etkf"].cycle
    end(model)


def test_the_value_of_a_sensor_is_that_in_a_window(tree):
    with pytest.raises(InputError, match="Run one window"):
        sensor_value(SensorQuery("etkf"), tree, None)


def test_the_pages_of_the_posterior_and_of_physics_show_a_cycled_run(finished):
    pn = pytest.importorskip("panel")
    from dalab.views.panel.pages.physics import PhysicsPage
    from dalab.views.panel.pages.posterior import PosteriorPage

    pn.extension()
    posterior, laws = PosteriorPage(finished), PhysicsPage(finished)
    for page in (posterior, laws):
        page.set_active(True)
        settle(finished, lambda page=page: page.poll() or page.drawn, 60)
    assert len(posterior.ranks.source.data["name"]) == 2
    assert [m.figure.visible for m in posterior.maps] == [True] * 8
    assert posterior.maps[0].source.data["image"][0].shape == (64, 40)
    assert not laws.residual.pane.visible and len(laws.energy.source.data["ys"][0]) == 70
