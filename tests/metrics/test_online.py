"""Scores of many repeats at once: the same as those of one window, and exact expectations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import xarray as xr

from dalab.metrics import online
from dalab.metrics.ensemble import crps_steps, spread_steps
from dalab.metrics.online import EnsembleErrors
from dalab.metrics.series import autocorrelation_time, mean_and_error


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_scores_are_those_of_a_window():
    """Repeats take the place of the steps of a window."""
    x, truth = normal(3, 7, 2, 4, 5), normal(3, 2, 4, 5, seed=1)
    dims = ("time", "member", "lev", "y", "x")
    members = xr.DataArray(x.numpy(), dims=dims).transpose("member", "time", ...)
    true = xr.DataArray(truth.numpy(), dims=("time", "lev", "y", "x"))
    errors = EnsembleErrors(x, truth)
    np.testing.assert_allclose(errors.crps(), crps_steps(members, true), rtol=1e-12)
    np.testing.assert_allclose(errors.spread(), spread_steps(members), rtol=1e-12)
    np.testing.assert_allclose(
        online.rmse(x.mean(1), truth), ((members.mean("member") - true) ** 2).mean(
            ("lev", "y", "x")) ** 0.5, rtol=1e-12,
    )


def test_crps_of_a_standard_normal_ensemble():
    """Against its centre 0.2337, against draws of the same distribution 1 / sqrt(pi)."""
    x = normal(1, 20_000, 1, 1, 1)
    centre = torch.zeros(1, 1, 1, 1).double()
    assert float(EnsembleErrors(x, centre).crps()) == pytest.approx(0.2337, abs=4e-3)
    few = normal(40_000, 4, 1, 1, 1)
    mean = EnsembleErrors(few, normal(40_000, 1, 1, 1, seed=1)).crps().mean()
    assert float(mean) == pytest.approx(1 / math.sqrt(math.pi), abs=0.01)


def test_one_member_scores_its_absolute_error_and_has_no_spread():
    x, truth = normal(2, 1, 1, 1, 6), normal(2, 1, 1, 6, seed=1)
    errors = EnsembleErrors(x, truth)
    torch.testing.assert_close(errors.crps(), (x[:, 0] - truth).abs().mean((1, 2, 3)))
    torch.testing.assert_close(errors.energy_score(), online.rmse(x[:, 0], truth))
    assert errors.spread().isnan().all() and errors.coverage().isnan().all()


def test_the_energy_score_of_one_variable_is_its_crps():
    x, truth = normal(5, 9, 1, 1, 1), normal(5, 1, 1, 1, seed=1)
    errors = EnsembleErrors(x, truth)
    torch.testing.assert_close(errors.energy_score(), errors.crps())


def test_the_energy_score_of_equal_members_is_their_error():
    x, truth = normal(3, 1, 2, 4, 5).expand(3, 30, 2, 4, 5), normal(3, 2, 4, 5, seed=1)
    wanted = online.rmse(x[:, 0], truth)
    torch.testing.assert_close(EnsembleErrors(x, truth).energy_score(), wanted, rtol=1e-6, atol=0)


@pytest.mark.parametrize("lost", [torch.nan, torch.inf])
def test_a_lost_member_leaves_no_score(lost):
    """In its repeat; the other repeats are scored as ever."""
    x, truth = normal(3, 5, 1, 1, 8), normal(3, 1, 1, 8, seed=1)
    whole = EnsembleErrors(x, truth)
    x = x.clone()
    x[1, 2, 0, 0, 4] = lost
    found = EnsembleErrors(x, truth)
    for name in ("rmse_sample", "spread", "crps", "energy_score", "coverage"):
        scores = getattr(found, name)()
        assert scores.isnan().tolist() == [False, True, False], name
        torch.testing.assert_close(scores[[0, 2]], getattr(whole, name)()[[0, 2]])
    assert found.rank_counts().sum() == 2 * 8


def test_ranks_and_coverage_of_a_calibrated_ensemble():
    members = 19
    x, truth = normal(1, members, 1, 200, 200), normal(1, 1, 200, 200, seed=1)
    errors = EnsembleErrors(x, truth)
    counts = errors.rank_counts().double()
    assert counts.sum() == 40_000
    torch.testing.assert_close(counts / 40_000, torch.full((20,), 0.05).double(), atol=6e-3, rtol=0)
    left_out, level = online.central(members)
    assert (left_out, level) == (1, 0.9)
    assert float(errors.coverage()) == pytest.approx(level, abs=6e-3)


def test_innovations_of_a_consistent_filter():
    """A scalar Kalman update in many places: standard innovations, Desroziers ratios of one."""
    count, N, P, R = 200_000, 40, 0.5, 0.25
    truth, K = math.sqrt(P) * normal(count), P / (P + R)
    anomalies = math.sqrt(P) * normal(N, count, seed=1)
    forecast = anomalies - anomalies.mean(0)
    data = truth + math.sqrt(R) * normal(count, seed=2)
    analysis = K * data + math.sqrt(1 - K) * forecast
    found = online.innovation_statistics(
        forecast[None], analysis[None], data[None], torch.full((count,), R).double()
    )
    wanted = {"innovation_mean": 0, "innovation_std": 1, "desroziers_R": 1, "desroziers_B": 1}
    for name, value in wanted.items():
        assert float(found[name]) == pytest.approx(value, abs=0.02), name


def test_forecasts_without_spread_have_no_variance_to_compare_with():
    same = torch.zeros(2, 5, 30).double()
    found = online.innovation_statistics(
        same, normal(2, 5, 30), normal(2, 30), torch.ones(30).double()
    )
    assert found["desroziers_B"].isnan().all() and found["desroziers_R"].isfinite().all()


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_an_autoregressive_process(phi):
    noise = np.random.default_rng(0).standard_normal((4, 50_000))
    series = np.zeros_like(noise)
    for k in range(1, noise.shape[1]):
        series[:, k] = phi * series[:, k - 1] + noise[:, k]
    wanted = (1 + phi) / (1 - phi)
    assert autocorrelation_time(series) == pytest.approx(wanted, rel=0.1)
    mean, error = mean_and_error(series)
    exact = math.sqrt(wanted / (1 - phi**2) / series.size)
    assert error == pytest.approx(exact, rel=0.6) and abs(mean) < 4 * exact


def test_means_leave_out_what_is_missing():
    series = np.array([[1.0, np.nan, 3.0, 2.0]])
    assert mean_and_error(series)[0] == 2.0
    assert all(math.isnan(v) for v in mean_and_error(np.full((2, 5), np.nan)))
    assert math.isnan(mean_and_error(np.ones((3, 1)))[1])
