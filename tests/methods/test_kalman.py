"""The exact filters, and what they refuse; the reference forecasts."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from dalab.errors import InputError
from dalab.methods.exact.kalman import KalmanFilter, Normal, is_linear
from dalab.methods.exact.rts import RTSSmoother
from dalab.methods.reference import Climatology, Persistence
from dalab.random import stream
from tests.methods.kalman import filtered, smoothed
from tests.methods.worlds import Advection, last, problem


class Forgetful(Advection):
    """A step that loses half of the state: its covariance cannot be inverted."""

    def step(self, x, n=1, generator=None):
        kept = torch.arange(8) % 2 == 0
        for _ in range(n):
            x = super().step(x) * kept
        return x


def close(a, b, **tolerance):
    torch.testing.assert_close(a, b, **{"rtol": 1e-8, "atol": 1e-8, **tolerance})


@pytest.mark.parametrize("background", [None, 0.5])
def test_kalman_filter_is_the_sequence_of_posteriors(tiny_prior, background):
    p = problem(Advection(), tiny_prior, ("identity",), background=background)
    alone = last(KalmanFilter(), p, 1).estimate[0]
    members = last(KalmanFilter(), p, 400).estimate
    for k, (mean, P) in enumerate(filtered(p)):
        close(alone[k].flatten(), mean)
        close(members[:, k].mean(0).flatten(), mean)
        found = torch.cov(members[:, k].flatten(1).T)
        sampling = (P.pow(2).sum() + torch.diagonal(P).sum() ** 2) / 400
        assert (found - P).pow(2).sum() == pytest.approx(sampling.item(), rel=0.3)


@pytest.mark.parametrize("world", [Advection, Forgetful])
@pytest.mark.parametrize("background", [None, 0.5])
def test_smoother_draws_trajectories_of_the_exact_posterior(tiny_prior, world, background):
    p = problem(world(), tiny_prior, ("identity",), background=background)
    mean, P = smoothed(p)
    close(last(RTSSmoother(), p, 1).estimate[0], mean, rtol=1e-6, atol=1e-6)
    members = last(RTSSmoother(), p, 400).estimate
    close(members.mean(0), mean, rtol=1e-6, atol=1e-6)
    found = torch.cov(members.flatten(1).T)
    sampling = (P.pow(2).sum() + torch.diagonal(P).sum() ** 2) / 400
    assert (found - P).pow(2).sum() == pytest.approx(sampling.item(), rel=0.3)
    close(members[:, 1], p.system.step(members[:, 0]), rtol=1e-5, atol=1e-5)


def test_scalar_steady_state():
    """phi 0.9, R 0.25, prior variance 0.25 for the forecast: known gain and variance."""
    belief = Normal(torch.zeros(1).double(), torch.tensor([[0.1]]).double())
    one = torch.ones(1, 1).double()
    for _ in range(60):
        forecast = belief.forecast(0.9 * one)
        forecast = replace(forecast, cov=forecast.cov + 0.19)
        belief = forecast.analysis(one, 0.25 * one[0], one[0])
    assert belief.cov.item() == pytest.approx(0.13648, abs=1e-5)
    assert belief.cov.item() / 0.25 == pytest.approx(0.5459, abs=1e-4)


def test_singular_covariance_and_tiny_errors_are_no_trouble():
    H = torch.eye(3).double()[:2]
    flat = Normal(torch.zeros(3).double(), torch.zeros(3, 3).double())
    kept = flat.analysis(H, torch.full((2,), 1e-12).double(), torch.ones(2).double())
    close(kept.mean, flat.mean)
    assert torch.isfinite(kept.draws(torch.ones(1, 3).double())).all()


@pytest.mark.parametrize("method", [KalmanFilter(), RTSSmoother()])
def test_what_is_not_linear_is_refused_before_any_work(tiny_system, tiny_prior, method):
    with pytest.raises(InputError, match="system = 'tiny': must be linear for the Kalman filter"):
        next(method.run(problem(tiny_system, tiny_prior), 1, stream(0)))
    with pytest.raises(InputError, match="operators = 'arctan': must be linear"):
        next(method.run(problem(Advection(), tiny_prior, ("arctan",)), 1, stream(0)))


def test_a_large_state_is_refused_with_the_bound(tiny_prior):
    p = replace(problem(Advection(), tiny_prior), prior=copy.copy(tiny_prior))
    p.prior.window = (3, 2, 64, 64)
    with pytest.raises(InputError, match="state size = 8192: must be at most 3000"):
        next(KalmanFilter().run(p, 1, stream(0)))


def test_linearity_is_tested_with_an_offset_too(tiny_system):
    class Shifted(Advection):
        def step(self, x, n=1, generator=None):
            return super().step(x, n) + 1e-3

    assert is_linear(Advection())
    assert not is_linear(Shifted())
    assert not is_linear(tiny_system)


# ---------------------------------------------------------- reference forecasts


def test_climatology_has_the_climatological_covariance(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("arctan",), background=0.2)
    draws = last(Climatology(), p, 500).estimate
    variance = tiny_prior.climatological_covariance.variance()
    assert (draws.var(0).mean((-2, -1)) / variance[..., 0, 0] - 1).abs().max() < 0.05


def test_persistence_holds_the_background(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("arctan",), background=0.2)
    held = last(Persistence(), p, 400).estimate
    close(held[:, 2], held[:, 0])
    assert (held[:, 0] - p.background.state).std() == pytest.approx(0.2, rel=0.02)
