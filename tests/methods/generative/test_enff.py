"""Ensemble flow filter against the closed forms of its flow, and of its bias."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.cycling import initial_ensemble, problem_at
from dalab.methods.generative.enff import EnFF, Flow
from tests.methods.generative.test_ensf import observed, quantiles, streams
from tests.methods.worlds import problem


@pytest.mark.parametrize("guidance, r, steps", [(0.1, 0.5, 9), (0.3, 0.4, 4), (0.11, 0.1, 4)])
def test_from_the_analysis_before_it_nudges_a_forecast(guidance, r, steps):
    """Beyond 2 n r^2 the gain grows with the steps, as in the last case."""
    method = EnFF(guidance=guidance, steps=steps, sigma_min=1e-6)
    x = torch.full((1, 1, 4, 4), 3.0, dtype=torch.float64)
    found = method.sample(x, observed(4, r, 1.0), streams(1), previous=x - 2)
    gain = 1 - (1 - guidance / r**2 / steps) ** steps
    torch.testing.assert_close(found, x + gain * (1 - x), rtol=0, atol=1e-4)


def test_from_noise_without_guidance_it_returns_the_forecast():
    x = torch.full((1, 1, 16, 16), 2.0, dtype=torch.float64)
    found = EnFF(coupling="ot", guidance=0.0, sigma_min=0.01).sample(x, observed(16, 1.0, 0.0),
                                                                     streams(1))
    assert found.mean() == pytest.approx(2.0, abs=0.003)
    assert found.std() == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("guidance, r, gain, variance", [
    (0.5, 1.0, 0.487, 0.455), (1.0, 1.0, 0.775, 0.208), (0.25, 0.5, 0.775, 0.208),
])
def test_from_noise_its_factor_is_the_gain_of_a_gaussian_forecast(guidance, r, gain, variance):
    method = EnFF(coupling="ot", guidance=guidance, sigma_min=1e-3, steps=200)
    x = quantiles(300)
    low, high = (method.sample(x, observed(1, r, y), streams(300)) for y in (0.0, 1.0))
    assert high.mean() - low.mean() == pytest.approx(gain, abs=0.02)
    start = streams(300).normal((1, 1, 1)).var()
    assert high.var() / start == pytest.approx(variance, rel=0.12)


def test_the_velocity_is_that_of_the_mixture():
    """By differentiating the mean path of two kernels that are far apart."""
    starts, ends = (torch.tensor(v, dtype=torch.float64).reshape(2, 1, 1, 1)
                    for v in ([-4.0, 4.0], [-2.0, 7.0]))
    flow = Flow(starts, ends, 0.5, 0.1)
    normal = torch.tensor([1.0, -1.0], dtype=torch.float64).reshape(2, 1, 1, 1)
    t, h = 0.4, 1e-3

    def path(t):
        return (1 - t) * starts + t * ends + ((1 - t) * 0.5 + t * 0.1) * normal

    expected = (path(t + h) - path(t - h)) / (2 * h)
    torch.testing.assert_close(flow.velocity(path(t), t), expected, rtol=1e-8, atol=1e-8)


def test_it_carries_the_analysis_before(tiny_system, tiny_prior, monkeypatch):
    given = []
    sample = EnFF.sample
    monkeypatch.setattr(EnFF, "sample", lambda self, x, likelihood, streams, previous=None: (
        given.append(previous), sample(self, x, likelihood, streams, previous))[1])
    p = problem_at(problem(tiny_system, tiny_prior, ("arctan",)), 0)
    method, ensemble = EnFF(members=6), initial_ensemble(p, streams(6))
    first = method.assimilate(method.begin(ensemble, p), p, streams(6))
    ahead = method.forecast(first, p)
    method.assimilate(ahead, p, streams(6))
    assert given[0] is ensemble and given[1] is first["ensemble"]
    assert ahead["ensemble"] is not first["ensemble"]
