"""The Lorenz systems as experiments: prior, truth, runs, files."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.experiment import Experiment
from dalab.experiments.results.store import load, save
from dalab.experiments.run import execute
from dalab.experiments.truth import draw_truth
from dalab.experiments.twin import prepare
from dalab.priors.loading import load_prior
from dalab.random import stream
from dalab.systems import SYSTEMS

NAMES = [name for name in SYSTEMS if name.startswith("lorenz")]


def config(system: str, **changes) -> Config:
    return Config(
        system=system, operators="identity", masks="full", methods=("etkf", "oi", "spectral"),
        members=16, steps=48, device="cpu",
    ).replace(**changes)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_prior_made_on_the_spot_denoises_new_trajectories_as_well_as_it_says(name):
    system = SYSTEMS[name]()
    prior = load_prior("gaussian", system)
    prior.check(system, 9)
    x = system.sample_climate(300, stream(9, "held out"))
    windows = system.trajectory(x, 9, stream(9, "noise")).float()
    euler = getattr(system, "scheme", "rk4") == "euler"  # in the units of the exact flow, wider
    assert prior.climatological_covariance.variance().mean() == pytest.approx(
        1.0, abs=0.2 if euler else 0.05
    )
    for sigma in (0.1, 0.5, 2.0):
        noise = sigma * torch.randn(windows.shape, generator=stream(sigma))
        error = (prior.denoise(windows + noise, sigma) - windows).pow(2).mean().sqrt()
        promised = prior.error_covariance(sigma).variance().mean().sqrt()
        assert error == pytest.approx(float(promised), rel=0.08)


@pytest.mark.parametrize("name", ["lorenz63", "lorenz96-ssls"])
def test_truths_are_pieces_of_the_climate_that_the_seed_decides(name):
    system = SYSTEMS[name]()
    a, again, b = (draw_truth("model", system, 4, seed) for seed in (1, 1, 2))
    assert a.shape == (4, *system.shape) and a.dtype == torch.float32
    assert torch.equal(a, again) and not torch.allclose(a, b, atol=0.1)
    assert torch.equal(draw_truth("model", system, 6, 1)[:4], a)
    missed = (system.step(a[:-1].double()) - a[1:]).abs().max()
    assert (missed > 1e-3) == (system.noise > 0)


@pytest.mark.parametrize("source", ["pyqg", "model-fine"])
def test_truths_of_two_layer_flow_are_refused(source):
    with pytest.raises(InputError, match="system = 'lorenz96': must be two-layer QG"):
        draw_truth(source, SYSTEMS["lorenz96"](), 3, 0)


@pytest.mark.parametrize("change, message", [
    ({"operators": "velocity"}, "operator velocity = 'lorenz63': needs a two-layer QG system"),
    ({"operators": "speed"}, "needs a system with two components of velocity"),
    ({"masks": "random:0.25"}, "ratio = 0.25: must keep at least one of the 1 cells"),
    ({"masks": "tracks"}, r"tracks = \(1, 1\): needs a grid of two dimensions"),
    ({"window": 5}, r"\(9, 3, 1, 1\).*\(5, 3, 1, 1\)"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_before_any_work(change, message):
    with pytest.raises(InputError, match=message):
        Experiment.of(config("lorenz63", **change))


@pytest.fixture(scope="module", params=["lorenz63", "lorenz96"])
def tree(request):
    return execute(config(request.param))


def test_every_method_beats_the_climate(tree):
    truth = tree["truth/pv"].values
    climate = np.sqrt((truth**2).mean((1, 2, 3))).mean()
    assert 0.6 < climate < 1.4
    metrics = tree["metrics"].to_dataset()
    assert set(metrics["status"].values) == {"complete"}
    rmse = dict(zip(metrics["method"].values, metrics["rmse_mean"].values, strict=True))
    assert all(rmse[name] < 0.6 * climate for name in ("etkf", "oi", "spectral")), rmse
    assert rmse["oi"] < 0.1 and rmse["spectral"] < 0.1, "better than the data"


def test_results_come_back_from_a_file_with_time_and_mean_as_they_are(tree, tmp_path):
    read = load(save(tree, tmp_path / "run.nc"))
    for node in tree.subtree:
        assert node.to_dataset().identical(read[node.path].to_dataset()), node.path
    system = SYSTEMS[Config.from_json(tree.attrs["config"]).system]()
    np.testing.assert_allclose(read["time"], system.interval * np.arange(9))
    assert read["time"].attrs["units"] == "1" and "state" in read["truth/pv"].attrs["long_name"]
    states = read["truth/pv"] * read["pv_scale"] + read["pv_offset"]
    truth = torch.from_numpy(tree["truth/pv"].values).double()
    np.testing.assert_allclose(states.transpose(..., "lev", "y", "x"), system.physical(truth))


def test_a_sparse_ring_is_filled_in():
    sparse = config(
        "lorenz96", masks="stride:2", methods=("letkf", "oi", "spectral"), background=0.3
    )
    tree = execute(sparse)
    assert (tree["metrics/rmse_mean"].values < 0.5).all()
    twin = prepare(sparse)
    assert twin.problem.network.size == 9 * 20 and twin.problem.background.state.shape == (1, 1, 40)


@pytest.mark.parametrize(("name", "chance"), [("lorenz63", 1.6), ("lorenz96", 1.2)])
def test_longer_windows_are_as_good_on_their_last_steps_as_on_their_first(name, chance):
    """But for chance: ten steps of three numbers, or of forty."""
    changes = {"window": 30, "methods": "spectral", "steps": 24, "members": 8}
    made = Experiment.of(config(name, **changes))
    assert made.prior.window[0] == 9 and prepare(made).problem.window[0] == 30
    metrics = execute(made)["metrics"].to_dataset()
    assert set(metrics["status"].values) == {"complete"}
    rmse = metrics["rmse_steps"].values[0]
    assert rmse.shape == (30,) and rmse.mean() < 0.1
    assert rmse[20:].mean() < chance * rmse[:10].mean()
