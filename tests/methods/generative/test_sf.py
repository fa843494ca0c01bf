"""Score-based filter and Langevin sampler against the known answers of a Gaussian forecast."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.generative.additive_path import ExplodingPath
from dalab.methods.generative.ensemble_scores import GaussianMean
from dalab.methods.generative.sf import SF, limited
from dalab.methods.generative.ssls import SSLS
from dalab.random import stream
from tests.methods.generative.linear import ensemble, law
from tests.methods.generative.test_ensf import observed, quantiles, streams

FREE = 1e6
"""A limit on scores that is never reached, so that the samplers are linear."""


class Fixed:
    """Score of a standard normal forecast, whatever the members are."""

    def fit(self, forecasts, path, carried, streams):
        one = torch.ones(1, 1, dtype=torch.float64)
        return GaussianMean(ensemble(one), path), carried


def answer(cls, r, calls, **options):
    """Gain on the data and variance of the analysis of a standard normal forecast."""
    method = type(cls.__name__, (cls,), {"chosen_score": lambda self: Fixed()})(**options)
    (high, C), (low, _) = (
        law(lambda x, s, y=y: method.sample(x, observed(1, r, y), s), calls,
            torch.zeros(1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64))
        for y in (1.0, 0.0)
    )
    return float(high - low), float(C)


def test_the_diffusion_explodes():
    path, n = ExplodingPath(), 4000
    variance = 0.0
    for k in range(n):
        variance += path.diffusion((k + 0.5) / n) / n
    assert variance**0.5 == pytest.approx(9.85, abs=0.005)
    assert float(path.Sigma(1.0)) == pytest.approx(variance, rel=1e-5)
    assert float(path.Sigma(1e-10)) == pytest.approx(1e-10, rel=1e-6)


SF_KNOWN = [(1.0, "constant", 0.484, 0.258), (0.5, "constant", 0.798, 0.098),
            (0.2, "constant", 0.9615, 0.0163), (0.1, "constant", 0.9901, 0.0022),
            (1.0, "variable", 0.409, 0.393), (0.5, "variable", 0.777, 0.119),
            (0.1, "variable", 0.990, 0.0051)]


@pytest.mark.parametrize("r, spacing, gain, variance", SF_KNOWN)
def test_sf_has_the_mean_and_a_fraction_of_the_variance(r, spacing, gain, variance):
    """Exact: 1 / (1 + r^2) and r^2 / (1 + r^2), two to four times the variances here."""
    found = answer(SF, r, 500, spacing=spacing, limit=FREE)
    assert found == pytest.approx((gain, variance), rel=3e-3, abs=5.1e-4 if r > 0.4 else 5.1e-5)


MASF_SETTINGS = {"step": 4e-3, "steps": 500, "blur": 0.05}
OFFICIAL = {"step": 1e-3, "steps": 500, "blur": 0.2}
SSLS_KNOWN = [
    (1.0, MASF_SETTINGS, 0.491, 0.5025), (0.5, MASF_SETTINGS, 0.800, 0.202),
    (0.2, MASF_SETTINGS, 0.9616, 0.0406), (0.1, MASF_SETTINGS, 0.990, 0.0124),
    (0.07, MASF_SETTINGS, 0.995, 0.0083), (1.0, OFFICIAL, 0.319, 0.579),
    (0.5, OFFICIAL, 0.739, 0.2075), (0.2, OFFICIAL, 0.963, 0.039), (0.1, OFFICIAL, 0.990, 0.0104),
]


@pytest.mark.parametrize("r, options, gain, variance", SSLS_KNOWN)
def test_ssls_has_its_known_errors_of_the_step(r, options, gain, variance):
    found = answer(SSLS, r, options["steps"], limit=FREE, **options)
    assert found == pytest.approx((gain, variance), abs=6e-4 if r > 0.4 else 8e-5, rel=6e-4)


def test_the_langevin_steps_settle_at_the_variance_of_the_theory():
    h, r, blur = 0.02, 0.5, 0.1
    rate = 1 / (1 + blur**2) + 1 / r**2
    gain, variance = answer(SSLS, r, 400, step=h, steps=400, blur=blur, limit=FREE, pull=1e-9)
    assert gain == pytest.approx(1 / r**2 / rate, rel=1e-4)
    assert variance == pytest.approx(1 / (rate * (1 - h * rate / 2)), rel=1e-4)


def test_stages_weaken_the_pull():
    method = SSLS(pull=0.5, decay=0.1, stages=2, steps=100, step=0.05, limit=FREE)
    keep, length, noise = method.factors(0.5)
    assert keep == pytest.approx(1 - length * 0.5)
    assert noise**2 == pytest.approx((1 - keep**2) / 0.5)
    assert SSLS(pull=1e-12).factors(1e-12) == pytest.approx((1.0, 1e-3, 2e-3**0.5), rel=1e-6)
    pulled, after = (
        SSLS(**{**method.param.values(), "stages": stages}).sample(
            quantiles(50) + 1, observed(1, 1.0, 1.0), streams(50).scaled(0.0)).mean()
        for stages in (1, 2)
    )
    assert pulled < after < 1.0


def test_scores_are_limited_state_by_state():
    score = torch.tensor([[3.0, 4.0], [300.0, 400.0]], dtype=torch.float64).reshape(2, 1, 1, 2)
    found = limited(score, 10.0)
    assert torch.equal(found[0], score[0])
    torch.testing.assert_close(found[1], score[1] * 10 / (2.5e5 / 2) ** 0.5)


@pytest.mark.parametrize("cls", [SF, SSLS])
@pytest.mark.parametrize("score", ["gaussian", "mixture"])
def test_repeats_are_separate(cls, score):
    method = cls(steps=30, score=score)
    x = torch.randn(3, 6, 1, 8, 8, generator=stream(1), dtype=torch.float64)
    likelihood, still = observed(8, 0.5, 1.0), streams(6).scaled(0.0)
    found = method.sample(x, likelihood, still)
    for k in range(3):
        torch.testing.assert_close(found[k], method.sample(x[k], likelihood, still))
