"""Samplers of MASF against the closed forms of their posteriors, right and wrong ones."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.methods.generative.ensemble_scores import GaussianMean, GaussianMeans
from dalab.methods.generative.masf.bridge import Bridge
from dalab.methods.generative.masf.nonlinear import NonlinearBridge, guided_nonlinear
from dalab.methods.generative.masf.samplers import (
    Schedule,
    diffused,
    guided,
    observed_ends,
    reverse_bridge,
)
from tests.methods.generative.linear import ensemble, law

CORRELATED = ((1.0, 0.8), (0.8, 1.0))
SMALL = ((0.04, 0.03), (0.03, 0.04))
RELEASED, SCALED = {"released": True}, {"released": True, "scales": True}


def process(sigma, h=(1.0, 0.0), b=(0.0, 0.0), blank=None):
    """The process of variables of which the first is observed."""
    h, b = (torch.tensor(v, dtype=torch.float64).reshape(1, 1, -1) for v in (h, b))
    return Bridge(h, b, torch.where(h > 0, sigma, sigma if blank is None else blank))


def covariance(prior):
    return torch.tensor(prior, dtype=torch.float64)


def posterior(sampler, prior, bridge, schedule):
    """Gains on every number of z, as columns, and covariance of the samples."""
    P, d = covariance(prior), len(prior)
    mean = GaussianMean(ensemble(P), bridge)

    def found(z):
        z = torch.tensor(z, dtype=torch.float64).reshape(1, 1, d)
        return law(lambda x, s: sampler(bridge, mean, z, x, schedule, s), schedule.steps + 1,
                   torch.zeros(d, dtype=torch.float64), P)

    base, C = found([0.0] * d)
    return torch.stack([found(e)[0] - base for e in torch.eye(d).tolist()], -1), C


def back(bridge, mean, z, x, schedule, streams):
    """The bridge sampler with the signature of the guided one."""
    start = observed_ends(bridge, z, x, streams)
    return reverse_bridge(bridge, mean, start, schedule, streams)


STEP_SIZES = [
    (0.3, 50, 0.7334, 0.0746, 0.3639), (0.3, 150, 0.7334, 0.0798, 0.3958),
    (0.3, 500, 0.7334, 0.0817, 0.4076), (0.1, 50, 0.7876, 0.0090, 0.2748),
    (0.1, 150, 0.7876, 0.0096, 0.3323), (0.1, 500, 0.7876, 0.0098, 0.3557),
]


@pytest.mark.parametrize("sigma, steps, gain, seen, unseen", STEP_SIZES)
def test_the_bridge_has_its_known_errors_of_the_step(sigma, steps, gain, seen, unseen):
    gains, C = posterior(back, CORRELATED, process(sigma), Schedule(steps))
    exact = torch.tensor([1.0, 0.8]) / (1 + sigma**2)
    assert gains[:, 0].tolist() == pytest.approx(exact.tolist(), rel=0.006)
    assert (float(gains[1, 0]), *C.diagonal().tolist()) == pytest.approx((gain, seen, unseen),
                                                                         abs=6e-5)


@pytest.mark.parametrize("prior, sigma", [(CORRELATED, 0.3), (CORRELATED, 0.05), (SMALL, 0.1)])
def test_the_bridge_meets_the_posterior_as_its_steps_shrink(prior, sigma):
    """With noise of its own for what is not observed, no state is left at the start."""
    P = covariance(prior)
    gains, C = posterior(back, prior, process(sigma, blank=1.0), Schedule(1000))
    K = P[:, 0] / (P[0, 0] + sigma**2)
    assert gains[:, 0].tolist() == pytest.approx(K.tolist(), rel=1e-3)
    torch.testing.assert_close(C, P - torch.outer(K, P[0]), rtol=0.02, atol=0)


@pytest.mark.parametrize("h, b", [((1.0, 0.0), (0.0, 0.4)), ((0.5, 0.25), (0.2, -0.1))])
def test_without_an_observation_it_returns_the_prior(h, b):
    """From diffused forecasts instead of an observed end, with 150 steps."""
    P, mean = covariance(CORRELATED), torch.tensor([0.5, -1.0], dtype=torch.float64)
    bridge, schedule = process(0.3, h, b, blank=0.5), Schedule(150)
    estimate = GaussianMean(ensemble(P, mean), bridge)

    def sample(x, streams):
        start = diffused(bridge, x, schedule.start, streams)
        return reverse_bridge(bridge, estimate, start, schedule, streams)

    found, C = law(sample, 151, mean, P)
    torch.testing.assert_close(found, mean, rtol=1e-3, atol=0)
    torch.testing.assert_close(C, P, rtol=0.03, atol=0)


def test_only_the_released_sampler_looks_at_what_is_not_observed():
    gains = posterior(back, CORRELATED, process(0.3), Schedule(150))[0]
    assert gains[:, 1].abs().max() == 0
    gains = posterior(guided, CORRELATED, process(0.3), Schedule(150))[0]
    assert gains[:, 1].abs().max() < 1e-12
    gains = posterior(guided, CORRELATED, process(0.3), Schedule(150, **RELEASED))[0]
    assert gains[1, 1] > 0.3


GUIDED = [
    (CORRELATED, 0.3, RELEASED, (0.955, 0.7415), (0.0296, 0.393), 0.345),
    (CORRELATED, 0.3, SCALED, (0.957, 0.738), (0.0241, 0.2623), 0.134),
    (CORRELATED, 0.1, RELEASED, (0.9937, 0.7569), (0.00334, 0.3393), 2.15),
    (CORRELATED, 0.1, SCALED, (0.9942, 0.7857), (0.00276, 0.1923), 0.72),
    (SMALL, 0.1, SCALED, (0.893, 0.622), (0.0025, 0.015), 0.07),
]


@pytest.mark.parametrize("prior, sigma, form, gain, variance, spurious", GUIDED)
def test_the_released_sampler_has_its_known_biases(prior, sigma, form, gain, variance, spurious):
    """Too little variance, and a gain of the unobserved number on its own noise."""
    gains, C = posterior(guided, prior, process(sigma), Schedule(150, **form))
    assert gains[:, 0].tolist() == pytest.approx(gain, abs=0.01)
    assert C.diagonal().tolist() == pytest.approx(variance, abs=0.002)
    assert float(gains[1, 1]) == pytest.approx(spurious, abs=0.005)


SCALAR = [(1.0, 1.0, 0.706, 0.1955), (1.0, 0.5, 0.896, 0.0623), (1.0, 0.1, 0.9943, 0.00276),
          (0.001, 0.1, 0.277, 0.000685)]


@pytest.mark.parametrize("P, sigma, gain, variance", SCALAR)
def test_its_gain_and_variance_of_one_number(P, sigma, gain, variance):
    gains, C = posterior(guided, ((P,),), process(sigma, (1.0,), (0.0,)), Schedule(150, **SCALED))
    assert float(gains) == pytest.approx(gain, abs=0.0015)
    assert float(C) == pytest.approx(variance, rel=0.01)


@pytest.mark.parametrize("P, sigma", [(1.0, 1.0), (1.0, 0.5), (0.1, 0.1), (0.001, 0.1)])
def test_guided_it_counts_the_observation_twice(P, sigma):
    """Also with all else corrected, to the last digit of the continuous limit."""
    kappa = sigma**2 / P
    gains, C = posterior(guided, ((P,),), process(sigma, (1.0,), (0.0,)), Schedule(1000))
    log = math.log1p(kappa)
    assert float(gains) == pytest.approx(log / kappa, rel=2e-3)
    expected = P * (kappa**2 + 2 * kappa - 2 * (1 + kappa) * log) / kappa**2
    assert float(C) == pytest.approx(expected, rel=3e-3)


class Multiple(NonlinearBridge):
    """The nonlinear process of an operator that is c x."""

    def measure(self, x):
        return self.likelihood * x


NONLINEAR = [(1.0, 0.5, 0.5, 1.418, 0.148), (1.0, 0.5, 0.0, 2.13, 0.298),
             (1.0, 0.1, 0.5, 1.948, 0.0081), (1.0, 0.1, 0.0, 8.7, 0.15),
             (0.1, 0.1, 0.5, 1.690, 0.0070)]


@pytest.mark.parametrize("P, sigma, c, gain, variance", NONLINEAR)
def test_the_nonlinear_sampler_follows_noise_where_the_operator_is_flat(
    P, sigma, c, gain, variance
):
    """Exact are a gain of c P / (c^2 P + sigma^2), so 0 for c = 0, and the variance of it."""
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    bridge, schedule = Multiple(c, sigma * one, one > 0), Schedule(200, **RELEASED)
    means = GaussianMeans(ensemble(covariance(((P,),))), bridge)
    (high, C), (low, _) = (
        law(lambda x, s, z=z: guided_nonlinear(bridge, means, z * one, x, schedule, s), 201,
            torch.zeros(1, dtype=torch.float64), covariance(((P,),)))
        for z in (1.0, 0.0)
    )
    assert float(high - low) == pytest.approx(gain, rel=0.005)
    assert float(C) == pytest.approx(variance, rel=0.055)


def steady(sampler, steps, R, first, phi=0.9, Q=0.19):
    """RMSE and spread of the analyses of an AR(1) process with observation variance R, for ever.

    Args:
        sampler: the sampler.
        steps: its steps.
        R: variance of the observation error.
        first: RMSE and spread from which the recursion starts.
        phi: memory of the process.
        Q: variance of its noise.
    """
    error, spread = (value**2 for value in first)
    while True:
        P, before = phi**2 * spread + Q, (spread, error)
        bridge = process(R**0.5, (1.0,), (0.0,))
        gains, C = posterior(sampler, ((P,),), bridge, Schedule(steps))
        K = float(gains)
        spread, error = float(C), (1 - K) ** 2 * (phi**2 * error + Q) + K**2 * R
        if abs(spread - before[0]) + abs(error - before[1]) < 1e-3 * spread:
            return error**0.5, spread**0.5


CYCLED = [(0.01, 0.0976, 0.0981, 0.0570), (0.25, 0.3694, 0.3840, 0.2362),
          (1.0, 0.5510, 0.5829, 0.3703)]


@pytest.mark.parametrize("R, exact, guided_error, guided_spread", CYCLED)
def test_cycled_the_error_hides_what_the_spread_tells(R, exact, guided_error, guided_spread):
    """The recursions of error and spread, which linear samplers have, without sampling."""
    known = guided_error, guided_spread
    assert steady(guided, 400, R, known) == pytest.approx(known, rel=4e-3)
    error, spread = steady(back, 300, R, (exact, exact))
    assert error == pytest.approx(exact, rel=1e-3)
    assert spread == pytest.approx(exact, rel=0.02)
