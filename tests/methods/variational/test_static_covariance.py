"""3D-Var and optimal interpolation with a static covariance: white ones, and many repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.methods import Problem
from dalab.methods.variational.oi import OptimalInterpolation, white_in_units
from dalab.methods.variational.var3d import Var3D
from dalab.observations import MASKS, OPERATORS, network
from dalab.options import build
from dalab.priors import GaussianPrior
from dalab.priors.covariance import estimate
from dalab.random import MemberStreams, TimeStreams, stream
from dalab.systems.lorenz63 import Lorenz63
from tests.dense import posterior

PHYSICAL = torch.diag(torch.tensor([7.93, 9.01, 8.63], dtype=torch.float64))


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=stream(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def butterfly():
    """Three repeats of Lorenz-63, two of its variables observed, with a Gaussian climate."""
    system = Lorenz63()
    climate = GaussianPrior(estimate(system.sample_climate(200, stream(0))[:, None]), (1, 3, 1, 1))
    cells = build("mask", "full", MASKS).cells(1, (1, 1), stream(0))
    net = network(OPERATORS["identity"](system), mask=cells, noise=0.2).realise()
    return Problem(system, climate, net, normal(3, net.size))


def analysed(method, problem, x, streams):
    """Analyses of forecasts ``(repeats, members, ...)`` after the first time."""
    return method.assimilate({"ensemble": x}, problem, streams)["ensemble"]


def one_stream(members):
    return TimeStreams(stream(0), members, dtype=torch.float64)


@pytest.mark.parametrize("cls", [OptimalInterpolation, Var3D])
def test_a_white_covariance_is_white_in_the_units_of_the_equations(butterfly, cls):
    """DAPPER's 4 I: a standard deviation of 2 of every variable, whatever its scale."""
    scale = 2 / PHYSICAL.diagonal().square().mean().sqrt().item()
    x = normal(3, 1, 3, 1, 1, seed=1)
    method = cls(scale=scale, covariance="white", iterations=60)
    found = analysed(method, butterfly, x, one_stream(1))
    B = torch.linalg.inv(PHYSICAL) @ (4 * torch.eye(3).double()) @ torch.linalg.inv(PHYSICAL)
    for data, forecast, analysis in zip(butterfly.data, x, found, strict=True):
        R = butterfly.network.variance().double()
        exact, _ = posterior(forecast.flatten(), B, torch.eye(3).double(), R, data)
        torch.testing.assert_close(analysis.flatten(), exact, rtol=1e-6, atol=1e-6)


def test_a_white_covariance_of_equal_scales_is_a_multiple_of_one(tiny_prior):
    class Plain(Lorenz63):
        scale = torch.full((1, 1, 1), 3.64, dtype=torch.float64)

    first = tiny_prior.climatological_covariance.first()
    x = normal(1, 2, 8, 8)
    torch.testing.assert_close(white_in_units(Plain(), first)(x), x)


@pytest.mark.parametrize("options", [
    {"scale": 0.3}, {"scale": 0.3, "covariance": "white"}, {"background": "climate"}, {},
    {"covariance": "white"},
])
@pytest.mark.parametrize("cls", [OptimalInterpolation, Var3D])
@pytest.mark.parametrize("members", [1, 4])
def test_repeats_together_are_what_each_is_alone(butterfly, cls, options, members):
    x, streams = normal(3, members, 3, 1, 1, seed=2), one_stream(members)
    together = analysed(cls(**options), butterfly, x, one_stream(members))
    for data, forecast, found in zip(butterfly.data, x, together, strict=True):
        alone = analysed(cls(**options), replace(butterfly, data=data), forecast, streams)
        torch.testing.assert_close(found, alone, rtol=1e-9, atol=1e-10)


def test_the_innovations_tell_the_scale_of_a_white_covariance(butterfly):
    """Small ones are taken for errors of the data, large ones for errors of the forecast."""
    p = replace(butterfly, data=butterfly.data[0])
    x, far = p.data.reshape(1, 3, 1, 1), p.data + torch.tensor([0.6, -0.6, 0.6]).double()
    method = OptimalInterpolation(covariance="white")
    moved = [
        analysed(method, replace(p, data=data), x, one_stream(1)) for data in (p.data + 0.01, far)
    ]
    small, large = ((m.flatten() - p.data).abs().max() for m in moved)
    assert small < 1e-3
    assert 0.45 < large < 0.6


def test_the_first_guess_keeps_its_own_error(butterfly):
    """At the first time B is that of the background or the climate, whatever is chosen later."""
    x, streams = normal(3, 1, 3, 1, 1, seed=1), one_stream(1)
    state = {"ensemble": x, "error_std": torch.tensor(torch.inf)}
    a, b = (
        OptimalInterpolation(covariance=name, scale=0.01).assimilate(state, butterfly, streams)
        for name in ("climate", "white")
    )
    assert torch.equal(a["ensemble"], b["ensemble"])
    assert (a["ensemble"] - x).abs().max() > 0.1


def test_perturbations_are_those_of_one_draw_per_member(butterfly):
    x = normal(3, 5, 3, 1, 1)
    p = replace(butterfly, data=butterfly.data * 0)
    method = OptimalInterpolation(scale=0.3)
    found = analysed(method, p, x, MemberStreams(0, 5, dtype=torch.float64))
    still = analysed(method, p, x.mean(1, keepdim=True), one_stream(1))
    torch.testing.assert_close(found.mean(1, keepdim=True), still)
