"""Nonlinear ensemble transform filter against weighted ensembles and quadrature."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.cycling import initial_ensemble, observations_at
from dalab.methods.ensemble.lnetf import LNETF, log_likelihoods, second_order_transform
from dalab.methods.ensemble.localisation import taper
from dalab.random import MemberStreams, stream
from tests.dense import matrix
from tests.methods.test_particles import by_quadrature, scalar
from tests.methods.worlds import problem


def streams(members, seed=0):
    return MemberStreams(seed, members, dtype=torch.float64)


def close(a, b, **tolerance):
    torch.testing.assert_close(a, b, **{"rtol": 1e-6, "atol": 1e-6, **tolerance})


@pytest.mark.parametrize("rotation", [False, True])
def test_the_members_have_the_moments_of_the_weighted_forecast(tiny_system, tiny_prior, rotation):
    p = problem(tiny_system, tiny_prior, ("arctan", "speed"), std=20.0)
    net, data = observations_at(p, 0)
    x = initial_ensemble(p, streams(12))
    found = LNETF(localisation=0.0, rotation=rotation).analysis(x, net, data, streams(12))
    misfit = (data - net.apply(x[:, None])) / net.variance(like=data).sqrt()
    w = torch.softmax(-misfit.square().sum(-1) / 2, 0)
    assert 2 < 1 / w.square().sum() < 11
    A = x.flatten(1) - w @ x.flatten(1)
    close(found.mean(0).flatten(), w @ x.flatten(1))
    close(torch.cov(found.flatten(1).T, correction=0), A.T @ (w[:, None] * A))


def test_a_large_ensemble_has_the_moments_of_the_posterior():
    """Of a folded operator, where a Kalman update would be wrong."""
    p = scalar("sine", 0.5)
    nodes, probability = by_quadrature(p, 1.0)
    x = torch.special.ndtri((torch.arange(900, dtype=torch.float64) + 0.5) / 900)
    found = LNETF().analysis(x.reshape(-1, 1, 1, 1), *observations_at(p, 0), streams(900))
    mean = (nodes * probability).sum()
    variance = ((nodes - mean) ** 2 * probability).sum()
    close(found.mean(), mean, rtol=0, atol=0.01)
    close(found.var(), variance, rtol=0.02, atol=0)


def test_equal_weights_leave_the_ensemble_as_it_is():
    w = torch.full((9,), 1 / 9, dtype=torch.float64)
    close(second_order_transform(w), torch.eye(9).double() - 1 / 9)


def test_almost_all_weight_on_one_member_in_single_precision():
    w = torch.softmax(100 * torch.randn(200, 24, generator=stream(0, "w")), -1)
    W = second_order_transform(w)
    expected = torch.diag_embed(w) - w[:, :, None] * w[:, None]
    close(W @ W / 24, expected, atol=1e-6)


def test_weights_of_every_point_are_those_of_the_tapered_misfits(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("identity",), mask="random:0.5")
    net, data = observations_at(p, 0)
    x = initial_ensemble(p, streams(5))
    where = taper(x, 1.5)
    rho = matrix(where, (8, 8)).unflatten(0, (8, 8)).unflatten(-1, (8, 8))
    seen = net.instruments[0]
    squares = seen.put((data - net.apply(x[:, None])) ** 2 / net.variance(like=data))[:, 0].sum(1)
    expected = -torch.einsum("ijkl,nkl->ijn", rho, squares) / 2
    close(log_likelihoods(x, net, data, where), expected)


def test_an_infinite_radius_is_no_localisation(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("arctan",), std=3.0)
    x = initial_ensemble(p, streams(8))
    wide = LNETF()
    wide.param.localisation.bounds = (0.0, None)
    wide.localisation = 1e6
    given = x, *observations_at(p, 0), streams(8)
    none = LNETF(localisation=0.0).analysis(x, *observations_at(p, 0), streams(8))
    close(wide.analysis(*given), none)


def test_a_point_far_from_the_observations_keeps_its_forecast(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("identity",), mask="points:[(0, 0)]")
    x = initial_ensemble(p, streams(8))
    method = LNETF(localisation=1.0, rotation=False)
    moved = method.analysis(x, *observations_at(p, 0), streams(8)) - x
    assert moved[..., 0, 0].abs().max() > 1e-2
    close(moved[..., 2:7, 2:7], torch.zeros(8, 2, 5, 5).double(), atol=1e-7)


@pytest.mark.parametrize("localisation", [0.0, 1.5])
def test_repeats_together_are_what_each_is_alone(tiny_system, tiny_prior, localisation):
    p = problem(tiny_system, tiny_prior, ("arctan",))
    net, data = observations_at(p, 0)
    x = torch.randn(3, 6, 2, 8, 8, generator=stream(0), dtype=torch.float64)
    several = torch.stack([data, data + 0.3, data - 0.1])
    method = LNETF(localisation=localisation, inflation=1.1)
    together = method.analysis(x, net, several, streams(6))
    for a, d, found in zip(x, several, together, strict=True):
        close(found, method.analysis(a, net, d, streams(6)))
