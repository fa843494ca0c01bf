"""Inflation before the update or after it."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.cycling import observations_at
from dalab.methods.ensemble.enkf import EnKF
from dalab.methods.ensemble.enks import EnKS
from dalab.methods.ensemble.etkf import ETKF
from dalab.methods.ensemble.letkf import LETKF
from dalab.random import MemberStreams
from tests.methods.kalman import filtered, first_moments, moment_matched
from tests.methods.worlds import Advection, last, problem

METHODS = [ETKF, LETKF, EnKF]


@pytest.fixture
def linear(tiny_prior):
    return problem(Advection(), tiny_prior, ("identity",), background=0.5)


def streams(members):
    return MemberStreams(0, members, dtype=torch.float64)


def matched(linear):
    return moment_matched(*first_moments(linear)).unflatten(1, (2, 8, 8))


@pytest.mark.parametrize("factor", [1.0, 1.3])
def test_inflation_of_the_analysis_multiplies_the_exact_covariance(linear, factor):
    mean, P = filtered(linear)[0]
    method = ETKF(inflation=factor, inflate="analysis")
    x = method.analysis(matched(linear), *observations_at(linear, 0), streams(129)).flatten(1)
    torch.testing.assert_close(x.mean(0), mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(torch.cov(x.T), factor**2 * P, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", METHODS)
@pytest.mark.parametrize("rtps", [0.0, 0.4])
def test_it_is_the_plain_analysis_with_larger_anomalies(linear, cls, rtps):
    given = matched(linear)[:30], *observations_at(linear, 0)
    plain = cls(inflation=1.0, rtps=rtps).analysis(*given, streams(30))
    found = cls(inflation=1.2, rtps=rtps, inflate="analysis").analysis(*given, streams(30))
    mean = plain.mean(0)
    torch.testing.assert_close(found, mean + 1.2 * (plain - mean))


@pytest.mark.parametrize("cls", METHODS)
def test_the_forecast_is_inflated_unless_it_is_asked_for(linear, cls):
    x, *given = matched(linear)[:30], *observations_at(linear, 0)
    by_hand = x.mean(0) + 1.2 * (x - x.mean(0))
    expected = cls(inflation=1.0).analysis(by_hand, *given, streams(30))
    found = cls(inflation=1.2).analysis(x, *given, streams(30))
    torch.testing.assert_close(found, expected)
    other = cls(inflation=1.2, inflate="analysis").analysis(x, *given, streams(30))
    assert not torch.allclose(found, other, atol=1e-3)


def test_a_smoother_inflates_the_present_alone(linear):
    """Without a lag to the past it is the filter; the past keeps its own spread."""
    once = {"localisation": 0.0, "inflation": 1.5, "inflate": "analysis", "ensemble": 20}
    filtering = last(LETKF(**once), linear, 1).estimate
    smoothing = last(EnKS(**once), linear, 1).estimate
    torch.testing.assert_close(smoothing[:, -1], filtering[:, -1])
    assert (smoothing[:, 0].var(0).mean() < filtering[:, 0].var(0).mean()).all()
