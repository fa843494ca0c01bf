"""Iterative ensemble Kalman smoother: exact for linear models, a minimum for others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab import Config, execute
from dalab.methods import Problem
from dalab.methods.cycling import observations_at
from dalab.methods.ensemble.enkf_n import EnKFN
from dalab.methods.ensemble.etkf import ETKF
from dalab.methods.ensemble.ienks import IEnKS
from dalab.observations import OPERATORS, network
from dalab.random import MemberStreams, stream
from dalab.systems.lorenz63 import Lorenz63
from tests.methods.kalman import filtered, first_moments, moment_matched, smoothed
from tests.methods.worlds import Advection, last, problem


def streams(members):
    return MemberStreams(0, members, dtype=torch.float64)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=stream(seed), dtype=torch.float64)


def close(a, b, **tolerance):
    torch.testing.assert_close(a, b, **{"rtol": 1e-6, "atol": 1e-6, **tolerance})


@pytest.fixture
def linear(tiny_prior):
    return problem(Advection(), tiny_prior, ("identity",), background=0.5)


def matched(problem, **options):
    """The smoother from an ensemble that has the moments of the first time exactly."""
    members = moment_matched(*first_moments(problem)).unflatten(1, (2, 8, 8))

    class Matched(IEnKS):
        def size(self, wanted):
            return len(members)

        def initial_ensemble(self, problem, streams):
            return members

    return Matched(**options)


# ---------------------------------------------------------------- linear models


@pytest.mark.parametrize("lag", [0, 1, 2])
@pytest.mark.parametrize("linearisation", ["transform", "bundle"])
def test_the_last_state_is_that_of_the_kalman_filter(linear, lag, linearisation):
    x = last(matched(linear, lag=lag, linearisation=linearisation), linear, 1).estimate[:, -1]
    mean, P = filtered(linear)[-1]
    close(x.mean(0).flatten(), mean)
    close(torch.cov(x.flatten(1).T), P, rtol=1e-5)


def test_over_the_whole_window_it_is_the_exact_smoother(linear):
    mean, P = smoothed(linear)
    x = last(matched(linear, lag=2, rotation=True), linear, 1).estimate
    close(x.mean(0), mean)
    close(torch.cov(x.flatten(1).T), P, rtol=1e-5)
    behind = last(matched(linear, lag=1), linear, 1).estimate
    close(behind.mean(0)[1:], mean[1:])
    assert not torch.allclose(behind.mean(0)[0], mean[0], atol=1e-2)


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_members_are_those_of_the_etkf_whatever_the_steps_since_then(linear, lag):
    """Forecasts of several steps, and times without observations, before the one analysis."""
    net, data = observations_at(linear, 1)
    now = replace(linear, network=net, data=data)
    method, x = IEnKS(lag=lag), normal(7, 2, 8, 8)
    state = method.begin(x, linear)
    for steps in (3, 1, 2):
        state = method.forecast(state, linear, steps)
    assert state["past"].shape[-4] == len(state["steps"]) == lag
    found = method.assimilate(state, now, streams(7))
    expected = ETKF(inflation=1.0).analysis(state["ensemble"], net, data, streams(7))
    close(found["ensemble"], expected)
    for k, (before, steps) in enumerate(zip(found["past"].unbind(-4), (3, 1, 2)[3 - lag :],
                                            strict=True)):
        after = method.smoothed(found).unbind(-4)[k + 1]
        close(linear.system.step(before, steps), after)


def test_with_the_finite_size_prior_it_is_the_enkf_n(linear):
    net, data = observations_at(linear, 0)
    now = replace(linear, network=net, data=data + 2)
    x, dual = normal(7, 2, 8, 8), EnKFN()
    primal = IEnKS(lag=0, xN=1.0, iterations=100, tolerance=1e-10)
    a, b = (m.assimilate(m.begin(x, linear), now, streams(7))["ensemble"] for m in (primal, dual))
    close(a, b)
    assert not torch.allclose(b, IEnKS(lag=0).assimilate(
        primal.begin(x, linear), now, streams(7))["ensemble"], atol=1e-2)


def test_one_iteration_solves_a_linear_problem_and_the_next_one_sees_it(linear):
    net, data = observations_at(linear, 0)
    method = IEnKS(lag=0)
    now = replace(linear, network=net, data=data)
    found = method.assimilate(method.begin(normal(7, 2, 8, 8), linear), now, streams(7))
    assert method.diagnostics(found)["iterations"].item() == 2


# ---------------------------------------------------------------- nonlinear models


@pytest.fixture
def butterfly():
    system = Lorenz63()
    net = network(
        OPERATORS["identity"](system), mask=torch.ones(1, 1, 1, dtype=torch.bool), noise=0.17
    ).realise()
    return Problem(system, None, net, torch.zeros(3))


def forecast_of(method, problem, seed, repeats=()):
    """A state one analysis interval after an ensemble of spread 0.1 on the attractor."""
    truth = problem.system.sample_climate(1, stream(seed))[0]
    x = truth + 0.1 * normal(*repeats, 10, 3, 1, 1, seed=seed)
    state = method.forecast(method.begin(x, problem), problem, 1)
    data = problem.system.step(truth).flatten() + 0.17 * normal(*repeats, 3, seed=seed + 1)
    return x, state, replace(problem, data=data)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_mean_is_at_a_minimum_of_the_cost_through_the_model(butterfly, seed):
    method = IEnKS(linearisation="bundle", iterations=60, tolerance=1e-8)
    x, state, now = forecast_of(method, butterfly, seed)
    w = method.minimise(x, [1], now).w.clone()
    with torch.enable_grad():
        w.requires_grad_()
        start = x.mean(0) + torch.einsum("n,nlyx->lyx", w, x - x.mean(0))
        misfit = (now.data - now.system.step(start).flatten()) / now.network.variance().sqrt()
        cost = misfit.square().sum() / 2 + 9 / 2 * w @ w
        (slope,) = torch.autograd.grad(cost, w)
    assert slope.abs().max() < 1e-2 * misfit.norm()
    assert w.norm() > 0.01


def test_repeats_stop_by_themselves_and_are_what_each_is_alone(butterfly):
    method = IEnKS(rotation=True, inflation=1.02)
    _, state, now = forecast_of(method, butterfly, 3, repeats=(4,))
    now = replace(now, data=now.data + 0.5 * torch.arange(4.0).double()[:, None])
    together = method.assimilate(state, now, streams(10))
    assert len(set(together["iterations"].tolist())) > 1
    for i in range(4):
        one = {k: v if k == "steps" else v[i] for k, v in state.items()}
        alone = method.assimilate(one, replace(now, data=now.data[i]), streams(10))
        for name in ("ensemble", "past", "iterations"):
            close(together[name][i], alone[name], rtol=1e-9, atol=1e-9)


def test_a_cycled_run_scores_the_state_that_has_left_the_lag():
    run = execute(Config(
        system="lorenz63", cycles=40, burn_in=10, repeats=3, operators=["identity"],
        masks=["full"], noise=0.17, background=0.1,
        methods=["ienks:members=10,lag=2,inflation=1.02,rotation=True", "etkf:members=10"],
    ))
    scores = run["metrics"].dataset.sel({"method": "ienks"})
    smoothed, analysed = (
        float(scores[f"rmse_{name}_cycles"][:, 10:].mean()) for name in ("smoothed", "analysis")
    )
    assert list(run["metrics"].dataset["status"]) == ["complete", "complete"]
    assert smoothed < analysed < 0.1
    assert (scores["iterations_cycles"] >= 2).all()
