"""Cycled experiments: exact answers, resumption, continuation, gaps, repeats."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import xarray as xr

import dalab
from dalab import Config, InputError, Run, execute
from dalab.experiments.cycles.execution import CycledExecution
from dalab.experiments.cycles.twin import CycledTwin
from dalab.experiments.experiment import Experiment
from dalab.experiments.schedule import Schedule, read_gaps
from dalab.files import locked
from dalab.methods.ensemble.enkf import EnKF
from dalab.observations.operators import Identity
from dalab.systems import Lorenz96

NOISE = 1 / 3.64
SMALL = Config(
    system="lorenz96", cycles=40, burn_in=10, operators=["identity"], masks=["full"], noise=NOISE,
    background=0.01, methods=["etkf:members=10,inflation=1.05,rotation=True"], members=4,
)


class Decay(dalab.System):
    """Autoregressive process x' = 0.9 x + sqrt(0.19) e of unit variance."""

    shape = (1, 1, 1)
    spinup = 60

    def step(self, x, n=1, generator=None):
        for _ in range(n):
            normal = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x)
            x = 0.9 * x + math.sqrt(0.19) * normal
        return x

    def __hash__(self):
        return 7


def same(a: xr.DataTree, b: xr.DataTree) -> None:
    """All numbers but the costs are the same to the bit."""
    for node in a.subtree:
        for name, values in node.data_vars.items():
            if name not in ("seconds", "peak_memory_mb"):
                np.testing.assert_array_equal(values.values, b[node.path][name].values, str(name))


@pytest.mark.parametrize("method", ["soad:steps=2", "sda:steps=2"])
def test_window_methods_have_the_priors_that_they_ask_for(method):
    made = SMALL.replace(methods=[method], operators=["arctan"], prior="gaussian", members=2)
    result = execute(made.replace(cycles=10, burn_in=0))
    assert result["metrics/status"].values.tolist() == ["complete"]


# --- exact answers --------------------------------------------------------------------------------


def cycled(system, method, **changes):
    about = {"cycles": 200, "burn_in": 40, **changes}
    return execute(dalab.Experiment(
        system=system, network=dalab.network(Identity(), noise=0.5),
        methods={"method": method}, schedule=Schedule(**about), members=4, repeats=50,
    ))["metrics"].to_dataset().isel(method=0)


def test_the_steady_state_of_the_kalman_filter():
    """R = 0.25 has P^a = 0.13648, forecasts of variance 0.3005, for many members.

    The RMSE of one value is its absolute error, whose mean is sqrt(2 / pi) standard deviations.
    """
    found = cycled(Decay(), EnKF(members=60, localisation=0, inflation=1.0))
    before, after, mean = 0.3005**0.5, 0.13648**0.5, (2 / math.pi) ** 0.5
    assert float(found.rmse_mean) == pytest.approx(mean * after, rel=0.03)
    assert float(found.rmse_forecast) == pytest.approx(mean * before, rel=0.03)
    assert float(found.spread) == pytest.approx(after, rel=0.03)
    assert float(found.spread_skill) == pytest.approx(1, abs=0.03)
    assert float((found.innovation_std_cycles**2).mean()) == pytest.approx(1, abs=0.05)
    assert float(found.desroziers_R) == pytest.approx(1, abs=0.05)
    independent = mean * after * (math.pi / 2 - 1) ** 0.5 / (50 * 160) ** 0.5
    assert independent < float(found.rmse_mean_err) < 3 * independent


class Damped(Decay):
    """The same process without its noise."""

    def step(self, x, n=1, generator=None):
        return 0.9**n * x

    def sample_climate(self, count, generator):
        return torch.randn(count, 1, 1, 1, generator=generator, dtype=torch.float64)


def test_a_filter_that_is_told_of_the_noise_has_the_exact_answer():
    """The model lacks the noise of its truth; untold, the filter trusts its forecasts."""
    method, about = EnKF(members=50, localisation=0, inflation=1.0), {"cycles": 120}
    told, untold = (
        execute(dalab.Experiment(
            system=Damped(), network=dalab.network(Identity(), noise=0.5), methods=method,
            schedule=Schedule(**about), repeats=50, process_noise=0.19**0.5, model_error=known,
        ))["metrics"].to_dataset().isel(method=0) for known in ("told", "untold")
    )
    after, mean = 0.13648**0.5, (2 / math.pi) ** 0.5
    assert float(told.rmse_mean) == pytest.approx(mean * after, rel=0.05)
    assert float(told.spread) == pytest.approx(after, rel=0.05)
    assert float(untold.rmse_mean) > 1.5 * float(told.rmse_mean)


def test_without_observations_there_are_only_forecasts():
    method = EnKF(members=20, localisation=0, inflation=1.0)
    found = cycled(Decay(), method, cycles=60, burn_in=20, gaps="1-60")
    assert found.desroziers_R.isnull()
    np.testing.assert_array_equal(found.rmse_analysis_cycles, found.rmse_forecast_cycles)
    assert float(found.rmse_mean) == pytest.approx((2 / math.pi) ** 0.5, abs=0.1)


def test_observations_that_are_missing_at_random_cost_skill():
    method = EnKF(members=20, localisation=0, inflation=1.0)
    whole, half = (cycled(Decay(), method, missing=m) for m in (0.0, 0.5))
    observed = half.innovation_std_cycles.notnull().mean()
    assert 0.4 < float(observed) < 0.6
    assert float(half.rmse_mean) > 1.2 * float(whole.rmse_mean)


# --- going on -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [
    "etkf:members=10,inflation=1.05,rotation=True", "enkf:members=8", "enks:members=8,lag=3",
    "pf:members=20", "oi:scale=0.2", "var3d:scale=0.2,iterations=4",
    "enkf-n:members=8,rotation=True", "ienks:members=8,lag=2,iterations=3", "lnetf:members=8",
])
def test_a_run_that_was_stopped_goes_on_to_the_bit(tmp_path, method, monkeypatch):
    monkeypatch.setattr("dalab.experiments.cycles.execution.CHECKPOINTS", 0.0)
    monkeypatch.setattr("dalab.experiments.cycles.execution.FRAMES", 0.0)
    config = SMALL.replace(methods=[method], cycles=12, burn_in=2, keep=4, repeats=2)
    whole = execute(config)
    for stop in (3, 8):
        frames = CycledExecution(config, tmp_path / "run").frames()
        for frame in frames:
            if frame.step.done >= stop:
                break
        frames.close()
    resumed = CycledExecution(config, tmp_path / "run")
    first = next(resumed.frames()).step.done
    assert first == 9
    same(whole, execute(config, folder=tmp_path / "run"))


def test_more_cycles_are_the_same_as_all_at_once():
    whole, part = execute(SMALL), Run(SMALL.replace(cycles=25)).start()
    part.wait()
    more = Run(SMALL, earlier=part).start()
    more.wait()
    assert more.scores["etkf"].fraction == 1
    same(whole, more.result)


def test_a_folder_belongs_to_one_experiment(tmp_path):
    execute(SMALL, folder=tmp_path / "run")
    with pytest.raises(InputError, match="must belong to the same experiment"):
        execute(SMALL.replace(seed=1), folder=tmp_path / "run")
    with pytest.raises(InputError, match="burn in.*10, that of the run to go on from"):
        CycledExecution(SMALL.replace(cycles=50, burn_in=20), tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="must be empty or hold a run"):
        execute(SMALL, folder=tmp_path / "other")
    assert (tmp_path / "other" / "thesis.tex").read_text() == "mine"


def test_one_run_at_a_time_uses_a_folder(tmp_path):
    with locked(tmp_path, "folder"), pytest.raises(InputError, match="must not be in use"):
        execute(SMALL, folder=tmp_path)
    execute(SMALL, folder=tmp_path)


def test_a_window_has_no_checkpoints(tmp_path):
    with pytest.raises(InputError, match="must be that of a cycled experiment"):
        execute(Config(system="lorenz96", methods=["oi"]), folder=tmp_path)


# --- what is recorded -----------------------------------------------------------------------------


def test_scores_states_and_kept_ensembles(tmp_path):
    tree = execute(SMALL.replace(keep=20, repeats=3))
    metrics = tree["metrics"]
    assert metrics["rmse_analysis_cycles"].dims == ("method", "repeat", "cycle")
    truth, estimate = tree["truth/pv"][-1], tree["estimates/etkf/pv"][:, -1]
    error = float(((estimate.mean("member") - truth) ** 2).mean() ** 0.5)
    assert error == pytest.approx(float(metrics["rmse_analysis_cycles"][0, 0, -1]), rel=1e-4)
    kept = tree["kept"]
    assert kept["kept"].values.tolist() == [20, 40] and kept["etkf"].shape == (2, 3, 10, 1, 1, 40)
    np.testing.assert_array_equal(kept["etkf"][1, 0], estimate)
    assert float(tree["ranks/etkf/count"].sum()) == 30 * 3 * 40
    rows = dalab.to_pandas(tree)
    assert len(rows) == 3 * 40 and rows.groupby("repeat").rmse_analysis.mean().nunique() == 3
    after = rows[rows.cycle > 10].rmse_analysis.mean()
    assert float(metrics["rmse_mean"][0]) == pytest.approx(after)
    again = dalab.load(dalab.save(tree, tmp_path / "run.nc"))
    columns = ["rmse_mean", "rmse_forecast", "rmse_mean_err"]
    assert dalab.table(again)[columns].notna().all(axis=None)


def test_kept_ensembles_of_a_folder_stay_there_until_they_are_asked_for(tmp_path):
    wanted = SMALL.replace(keep=5, repeats=2)
    there, here = execute(wanted, folder=tmp_path / "run"), execute(wanted)
    assert there["kept/etkf"].chunks is not None, "not in memory"
    np.testing.assert_array_equal(there["kept/etkf"], here["kept/etkf"])
    again = dalab.load(dalab.save(there, tmp_path / "run.nc"))
    np.testing.assert_array_equal(again["kept/etkf"], here["kept/etkf"])


def test_methods_without_a_prior_have_none():
    assert Experiment.of(SMALL).prior is None
    assert Experiment.of(SMALL.replace(methods=["oi"])).prior is not None


def test_repeats_are_independent_and_begin_about_their_truths():
    twin = CycledTwin(Experiment.of(SMALL.replace(repeats=5)))
    nature = twin.start()
    x = twin.ensemble(nature, 6, "etkf")
    assert x.shape == (5, 6, 1, 1, 40) and nature.var(0).mean() > 0.5
    assert (x - nature[:, None]).abs().max() < 0.1


def test_a_filter_that_diverges_fails_and_keeps_what_it_had():
    wild = SMALL.replace(methods=["etkf:members=4,inflation=2.0"], system="lorenz63", cycles=300)
    found = execute(wild.replace(noise=1e3, background=100.0))
    assert "diverged" in str(found["metrics/status"].values[0])
    assert found.attrs["status"] == "failed"


# --- truths ---------------------------------------------------------------------------------------


def test_a_truth_of_other_parameters_makes_the_model_err():
    perfect, wrong = SMALL, SMALL.replace(truth="lorenz96-forced")

    dalab.systems.SYSTEMS["lorenz96-forced"] = lambda: Lorenz96(
        name="lorenz96-forced", forcing=10.0
    )
    try:
        a, b = (execute(c)["metrics/rmse_mean"].item() for c in (perfect, wrong))
    finally:
        del dalab.systems.SYSTEMS["lorenz96-forced"]
    assert b > 2 * a


@pytest.mark.parametrize(("changes", "message"), [
    ({"truth": "pyqg"}, "keeps no state"),
    ({"truth": "model-fine"}, "must be two-layer QG"),
    ({"truth": "lorenz63"}, "must be seen as that of the forecast model"),
    ({"gaps": "9-3"}, "must be cycles and ranges"),
    ({"shocks": "2:1"}, "PROBABILITY:SIZE"),
    ({"truth": __file__, "model_error": "told"}, "must be untold for recorded truths"),
    ({"truth": __file__, "shocks": "0.1:1"}, "shocks = '0.1:1': must be left out for recorded"),
    ({"truth": __file__, "process_noise": 0.1}, "process noise = 0.1: must be left out"),
    ({"burn_in": 40}, "must be below the 40 cycles"),
    ({"cycles": 10_000_000, "repeats": 100_000}, "have scores that need"),
    ({"cycles": None, "burn_in": None, "gaps": "3"}, "gaps = '3': is for cycled experiments only"),
    ({"methods": ["rts"]}, "cannot be cycled"),
    ({"methods": ["var4d"], "members": 1}, "must be at least 2 for var4d in a sliding window"),
])
def test_bad_input_is_refused_before_work(changes, message):
    with pytest.raises(InputError, match=message):
        CycledExecution(SMALL.replace(**changes))


def test_gaps_in_words():
    assert read_gaps("3, 10-12") == [(3, 3), (10, 12)]
    times = Schedule(cycles=20, gaps="3,10-12", keep=5)
    assert [k for k in range(1, 21) if not times.is_observed(k)] == [3, 10, 11, 12]
    assert list(times.kept) == [5, 10, 15, 20] and times.burn_in == 4
