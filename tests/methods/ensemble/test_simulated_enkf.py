"""EnKF of a black box against the Kalman filter and its formula."""

from __future__ import annotations

import pytest
import torch

from dalab.methods import METHODS
from dalab.methods.ensemble.simulated_enkf import SimulatedEnKF, regression_weights
from dalab.random import stream
from tests.methods.generative.ccdm.test_ccdm import Rounded, normal, observed, streams


def test_many_members_have_the_kalman_update():
    likelihood = observed(3.0, 1.0)
    x = normal(10_000, 1.0, 2.0, seed=3)
    found = SimulatedEnKF().analysis(x, likelihood.network, likelihood.data, streams(10_000))
    assert float(found.mean()) == pytest.approx(1 + 0.8 * 2, abs=0.04)
    assert float(found.var()) == pytest.approx(0.8, rel=0.04)


@pytest.mark.parametrize("unbiased, count", [(False, 30), (True, 29)])
def test_the_update_is_that_of_its_formula(unbiased, count):
    likelihood = observed(3.0, 1.0, count=2)
    x = torch.randn(30, 2, 1, 1, generator=stream(5), dtype=torch.float64)
    method = SimulatedEnKF(ridge=0.1, unbiased=unbiased)
    found = method.analysis(x, likelihood.network, likelihood.data, streams(30))
    seen = likelihood.network.simulate(x.unsqueeze(-4), streams(30).generators[0])
    X, Y = (a - a.mean(0) for a in (x.flatten(1), seen))
    gain = X.T @ Y / count @ torch.linalg.inv(Y.T @ Y / count + 0.1 * torch.eye(2))
    torch.testing.assert_close(found.flatten(1), x.flatten(1) + (likelihood.data - seen) @ gain.T)


def test_known_errors_replace_those_that_were_drawn():
    likelihood = observed(3.0, 1.0, count=2)
    x = torch.randn(30, 2, 1, 1, generator=stream(5), dtype=torch.float64)
    method = SimulatedEnKF(errors="known", ridge=1e-9)
    found = method.analysis(x, likelihood.network, likelihood.data, streams(30))
    seen = likelihood.network.simulate(x.unsqueeze(-4), streams(30).generators[0])
    X = (x - x.mean(0)).flatten(1)
    gain = X.T @ X / 30 @ torch.linalg.inv(X.T @ X / 30 + torch.eye(2))
    torch.testing.assert_close(found.flatten(1), x.flatten(1) + (likelihood.data - seen) @ gain.T)


def test_both_spaces_give_the_same_weights():
    Y, d = torch.randn(2, 9, 7, generator=stream(1), dtype=torch.float64).unbind(0)
    full = d @ torch.linalg.inv(Y.T @ Y + 0.3 * torch.eye(7, dtype=torch.float64)) @ Y.T
    torch.testing.assert_close(regression_weights(Y, d, 0.3), full)
    tall = torch.linalg.inv(Y[:5] @ Y[:5].T + 0.3 * torch.eye(5, dtype=torch.float64))
    torch.testing.assert_close(regression_weights(Y[:5], d[:5], 0.3), (tall @ Y[:5] @ d[:5].T).T)


def test_it_takes_operators_without_derivative():
    likelihood, x = observed(5.0, 1.0, Rounded()), normal(500, 2.0, 1.0, seed=3)
    found = SimulatedEnKF().analysis(x, likelihood.network, likelihood.data, streams(500))
    assert 2.1 < float(found.mean()) < 2.6 and float(found.var()) < float(x.var())


def test_it_is_registered():
    assert isinstance(METHODS.make("enkf-simulated:ridge=0.01"), SimulatedEnKF)
