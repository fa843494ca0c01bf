"""Scores against their formulas, their limits, and their live versions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from dalab.experiments.progress import live_rmse, live_rmse_sample
from dalab.metrics.deterministic import rmse_mean_steps, rmse_sample_steps, rmse_steps
from dalab.metrics.ensemble import (
    coverage,
    crps_steps,
    outer_ranks,
    rank_histogram,
    spread_skill,
    spread_steps,
)
from dalab.metrics.summary import STEPS, WINDOW, summarise

DIMS = ("member", "time", "lev", "y", "x")


def fields(members: int, size: int = 6, seed: int = 0) -> tuple[xr.DataArray, xr.DataArray]:
    """An ensemble and a truth that is one more draw of the same distribution."""
    draws = np.random.default_rng(seed).normal(size=(members + 1, 3, 2, size, size))
    ensemble = xr.DataArray(draws[1:].astype("float32"), dims=DIMS)
    return ensemble, xr.DataArray(draws[0].astype("float32"), dims=DIMS[1:])


def test_rmse_pools_layers_and_cells_of_a_step():
    ensemble, truth = fields(4)
    error = ensemble.values[2].astype(float) - truth.values
    expected = np.sqrt((error**2).mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(rmse_steps(ensemble[2], truth), expected, rtol=1e-12)


def test_rmse_of_the_mean_and_of_one_sample():
    ensemble, truth = fields(4)
    values, true = ensemble.values.astype(float), truth.values
    mean = np.sqrt(((values.mean(0) - true) ** 2).mean(axis=(1, 2, 3)))
    sample = np.sqrt(((values - true) ** 2).mean(axis=(2, 3, 4))).mean(0)
    np.testing.assert_allclose(rmse_mean_steps(ensemble, truth), mean, rtol=1e-12)
    np.testing.assert_allclose(rmse_sample_steps(ensemble, truth), sample, rtol=1e-12)


def test_the_live_rmse_is_the_same():
    ensemble, truth = fields(4)
    live = live_rmse(torch.tensor(ensemble.values).mean(0, dtype=torch.float64),
                     torch.tensor(truth.values))
    np.testing.assert_allclose(live, rmse_mean_steps(ensemble, truth), rtol=1e-12)
    one = live_rmse_sample(torch.tensor(ensemble.values), torch.tensor(truth.values))
    np.testing.assert_allclose(one, rmse_sample_steps(ensemble, truth), rtol=1e-12)


def test_a_window_scores_the_mean_of_the_roots():
    found = summarise(*fields(4))
    assert set(found.data_vars) == {*STEPS, *WINDOW}
    assert float(found["rmse_mean"]) == pytest.approx(float(found["rmse_steps"].mean()))
    assert float(found["rmse_sample"]) == pytest.approx(float(found["rmse_sample_steps"].mean()))


def test_crps_is_fair():
    ensemble, truth = fields(5)
    x, y, K = ensemble.values.astype(float), truth.values, 5
    pairs = np.abs(x[:, None] - x[None]).sum((0, 1)) / (2 * K * (K - 1))
    expected = (np.abs(x - y).mean(0) - pairs).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(crps_steps(ensemble, truth), expected, rtol=1e-12)


def test_fair_crps_does_not_depend_on_the_number_of_members():
    exact = 1 / np.sqrt(np.pi)  # of a standard normal forecast for a standard normal truth
    for members in (2, 20):
        assert float(crps_steps(*fields(members, 80)).mean()) == pytest.approx(exact, rel=0.02)


def test_crps_of_one_member_is_its_absolute_error():
    ensemble, truth = fields(1)
    expected = np.abs(ensemble.values[0].astype(float) - truth.values).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(crps_steps(ensemble, truth), expected, rtol=1e-6)


@pytest.mark.parametrize("members", [2, 3, 10])
def test_a_calibrated_ensemble_has_spread_skill_one(members):
    assert spread_skill(*fields(members, 80)) == pytest.approx(1.0, abs=0.02)


def test_spread_skill_grows_with_the_spread():
    ensemble, truth = fields(10, 60)
    assert spread_skill(2 * ensemble, truth) > 1.3 > 0.7 > spread_skill(0.3 * ensemble, truth)


def test_spread_is_the_root_of_the_mean_unbiased_variance():
    ensemble, _ = fields(4)
    expected = np.sqrt(ensemble.values.astype(float).var(0, ddof=1).mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(spread_steps(ensemble), expected, rtol=1e-12)


def test_one_member_has_no_spread():
    ensemble, truth = fields(1)
    assert np.isnan(spread_steps(ensemble)).all() and np.isnan(spread_skill(ensemble, truth))


@pytest.mark.parametrize("lost", [np.nan, np.inf])
@pytest.mark.parametrize("where", [np.s_[2], np.s_[2, 1, 0, 3, 4]], ids=["member", "cell"])
def test_a_lost_member_leaves_no_score(lost, where):
    """At its times, and in every score of a window; none is that of the others."""
    ensemble, truth = fields(4)
    whole = summarise(ensemble, truth)
    ensemble.values[where] = lost
    found = summarise(ensemble, truth)
    times = np.isfinite(ensemble.values).all((0, 2, 3, 4))
    for name in STEPS:
        np.testing.assert_array_equal(np.isfinite(found[name]), times, name)
        np.testing.assert_array_equal(found[name][times], whole[name][times], name)
    assert all(np.isnan(found[name]) for name in WINDOW)
    assert np.isnan(outer_ranks(ensemble, truth))
    ranks = rank_histogram(ensemble, truth)
    assert ranks.isnull().all() and coverage(ranks).isnull().all()


def test_one_sample_of_a_calibrated_ensemble_costs_root_two():
    found = summarise(*fields(200, 40))
    assert float(found["rmse_sample"] / found["rmse_mean"]) == pytest.approx(np.sqrt(2), rel=0.03)


def test_the_rank_histogram_of_a_calibrated_ensemble_is_flat():
    found = rank_histogram(*fields(4, 100))
    np.testing.assert_allclose(found, 0.2, atol=0.01)
    assert float(found.sum()) == pytest.approx(1.0)
    assert outer_ranks(*fields(4, 100)) == pytest.approx(1.0, abs=0.05)


def test_outer_ranks_tell_a_u_from_a_dome():
    ensemble, truth = fields(4, 100)
    mean = ensemble.mean("member")
    assert outer_ranks(mean + 0.5 * (ensemble - mean), truth) > 1.3
    assert outer_ranks(mean + 2.0 * (ensemble - mean), truth) < 0.7
    assert np.isnan(outer_ranks(ensemble.isel(member=[0]), truth))
