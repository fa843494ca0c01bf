"""Deterministic ensemble Kalman filter against its formulas in dense matrices."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.cycling import initial_ensemble, observations_at
from dalab.methods.ensemble.denkf import DEnKF
from dalab.methods.ensemble.localisation import from_fields, taper
from dalab.random import MemberStreams, stream
from tests.dense import matrix
from tests.methods.kalman import filtered, first_moments, moment_matched
from tests.methods.worlds import Advection, problem


def streams(members):
    return MemberStreams(0, members, dtype=torch.float64)


def close(a, b, **tolerance):
    torch.testing.assert_close(a, b, **{"rtol": 1e-5, "atol": 1e-6, **tolerance})


def test_moments_of_a_linear_analysis_are_the_published_ones(tiny_prior):
    """The exact mean, and the covariance (I - K H / 2) P (I - K H / 2)^T."""
    p = problem(Advection(), tiny_prior, ("identity",), background=0.5)
    mean, P = first_moments(p)
    net, data = observations_at(p, 0)
    x = moment_matched(mean, P).unflatten(1, (2, 8, 8))
    found = DEnKF(inflation=1.0, localisation=0.0).analysis(x, net, data, streams(129)).flatten(1)
    H = matrix(lambda x: net.apply(x[:, None]), (2, 8, 8))
    K = P @ H.T @ torch.linalg.inv(H @ P @ H.T + torch.diag(net.variance().double()))
    half = torch.eye(128).double() - K @ H / 2
    close(found.mean(0), filtered(p)[0][0])
    close(torch.cov(found.T), half @ P @ half.T)


def test_localised_it_is_the_dense_schur_product(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("identity", "arctan"), mask="random:0.5")
    net, data = observations_at(p, 0)
    x = initial_ensemble(p, streams(6))
    found = DEnKF(inflation=1.0, localisation=1.5, iterations=400).analysis(
        x, net, data, streams(6)
    )
    seen = net.apply(x[:, None])
    X, Y = (x - x.mean(0)).flatten(1), seen - seen.mean(0)
    near = matrix(taper(x, 1.5), (8, 8)).repeat(4, 4)
    observed = from_fields(net, torch.arange(256.0).reshape(4, 8, 8)).long()
    Pyy = near[observed][:, observed] * (Y.T @ Y) / 5
    K = near[:128][:, observed] * (X.T @ Y) / 5 @ torch.linalg.inv(Pyy + torch.diag(net.variance()))
    expected = x.mean(0).flatten() + (data - seen.mean(0)) @ K.T + X - Y @ K.T / 2
    close(found.flatten(1), expected)


@pytest.mark.parametrize("localisation", [0.0, 1.0])
def test_repeats_together_are_what_each_is_alone(tiny_system, tiny_prior, localisation):
    p = problem(tiny_system, tiny_prior, ("arctan",))
    net, data = observations_at(p, 0)
    x = torch.randn(3, 6, 2, 8, 8, generator=stream(0), dtype=torch.float64)
    several, method = torch.stack([data, data + 0.3, data - 0.1]), DEnKF(localisation=localisation)
    together = method.analysis(x, net, several, streams(6))
    for a, d, found in zip(x, several, together, strict=True):
        close(found, method.analysis(a, net, d, streams(6)))


def test_nothing_is_perturbed(tiny_prior):
    p = problem(Advection(), tiny_prior, ("identity",))
    x = initial_ensemble(p, streams(6))
    a, b = (
        DEnKF().analysis(x, *observations_at(p, 0), MemberStreams(seed, 6, dtype=torch.float64))
        for seed in (1, 2)
    )
    assert torch.equal(a, b)
