"""Stored runs: what a file gives back, and what is refused."""

import numpy as np
import pytest
import xarray as xr

from dalab.errors import InputError
from dalab.experiments.results.store import load, save
from dalab.experiments.results.stored_run import StoredRun
from dalab.experiments.run import Run

from .stubs import QUICK

CONFIG = QUICK.replace(
    operators=("arctan", "velocity"), masks=("random:0.25", "stride:4"), background=0.1,
    methods=("climatology", "oi"), interval=2, prior="gaussian",
)


@pytest.fixture(scope="module")
def run():
    run = Run(CONFIG).start()
    assert run.wait(120)
    return run


@pytest.fixture(scope="module")
def tree(run, tmp_path_factory):
    return load(save(run.result, tmp_path_factory.mktemp("stored") / "run.nc"))


def test_a_stored_run_shows_what_the_run_showed(run, tree):
    stored = StoredRun(tree)
    assert (stored.config, stored.state, stored.error) == (run.config, "done", None)
    assert stored.twin.truth.equal(run.twin.truth)
    ours, theirs = stored.twin.problem, run.twin.problem
    assert ours.data.equal(theirs.data)
    assert ours.background.state.equal(theirs.background.state)
    for a, b in zip(ours.network.instruments, theirs.network.instruments, strict=True):
        assert a.mask.equal(b.mask)
    assert list(stored.scores) == list(run.scores)
    for label, known in run.scores.items():
        back = stored.scores[label]
        np.testing.assert_allclose(back.rmse_steps, known.rmse_steps, rtol=1e-12)
        assert (back.status, back.crps, back.members) == (known.status, known.crps, known.members)
        assert isinstance(back.network_evaluations, int)
    frame = stored.frames["oi"]
    np.testing.assert_array_equal(frame.step.estimate, run.result["estimates/oi/pv"])


def test_a_run_that_was_stopped_before_its_second_method_is_shown_as_it_stands(run):
    tree = run.result.copy(deep=True)
    tree.attrs["status"] = "cancelled"
    tree["estimates"] = tree["estimates"].drop_nodes("oi")
    stored = StoredRun(tree)
    assert stored.state == "cancelled" and list(stored.frames) == ["climatology"]
    assert len(stored.scores["oi"].rmse_steps) == 0


def _without_truth(tree):
    tree["truth"] = xr.DataTree(xr.Dataset())


def _short(tree):
    tree["metrics"] = xr.DataTree(tree["metrics"].to_dataset().drop_vars("rmse_steps"))


def _spoilt(tree):
    tree["estimates/oi/pv"].values[0, 0, 0, 0, 0] = np.nan


def _stranger(tree):
    tree["estimates/spectral"] = tree["estimates/oi"].copy()


def _unobserved(tree):
    tree["observations/arctan/observed"].values[:] = np.nan


def _status(tree):
    tree.attrs["status"] = "<b>fine</b>"


def _method(tree):
    tree.attrs["config"] = tree.attrs["config"].replace("climatology", "clairvoyance")


def _config(tree):
    tree.attrs["config"] = "[1, 2]"


def _window(tree):
    tree.attrs["config"] = tree.attrs["config"].replace('"window":9', '"window":5')


@pytest.mark.parametrize("spoil, word", [
    (_without_truth, "truth/pv"), (_short, "metrics/rmse_steps"), (_spoilt, "finite"),
    (_stranger, "spectral"), (_unobserved, "wherever the mask observes"), (_status, "status"),
    (_method, "clairvoyance"), (_config, "config"), (_window, "shape"),
])
def test_what_does_not_hold_together_is_refused(run, spoil, word):
    tree = run.result.copy(deep=True)
    spoil(tree)
    with pytest.raises(InputError, match=word):
        StoredRun(tree)
