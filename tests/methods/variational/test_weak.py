"""Weak-constraint 4D-Var against the exact smoother of a linear model with errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.methods.cycling import observations_at, white_covariance
from dalab.methods.variational.cost import Variational
from dalab.methods.variational.var4d import Var4D, ensemble_cost
from dalab.methods.variational.weak import WeakVariational
from dalab.random import MemberStreams, stream
from tests.dense import matrix, posterior
from tests.methods.kalman import first_moments
from tests.methods.worlds import Advection, last, problem

SHAPE, STD = (2, 8, 8), 0.4
WHITE = STD**2 * torch.eye(128, dtype=torch.float64)


def smoothed(p, Q):
    """Moments of the window of a model with errors of covariance Q, by dense algebra.

    The unknowns are the first state and the errors of all intervals; the window and the data are
    linear in them.
    """
    mean, P = first_moments(p)
    steps, d = p.window[0], len(mean)

    def window(c):
        states = [c[:, 0]]
        for k in range(1, steps):
            states.append(p.system.step(states[-1]) + c[:, k])
        return torch.stack(states, 1)

    G = matrix(window, (steps, *SHAPE))
    H = matrix(lambda c: p.network.apply(window(c)), (steps, *SHAPE))
    C = torch.block_diag(P, *[Q] * (steps - 1))
    m = torch.cat([mean, mean.new_zeros((steps - 1) * d)])
    m, C = posterior(m, C, H, p.network.variance().double(), p.data)
    return (G @ m).reshape(p.window), G @ C @ G.T


def filtered(p, Q):
    """The last state by the Kalman recursion with model error."""
    mean, P = first_moments(p)
    F = matrix(p.system.step, SHAPE)
    for k in range(p.window[0]):
        if k:
            mean, P = F @ mean, F @ P @ F.T + Q
        net, data = observations_at(p, k)
        H = matrix(lambda x, net=net: net.apply(x[:, None]), SHAPE)
        mean, P = posterior(mean, P, H, net.variance().double(), data)
    return mean, P


@pytest.fixture(params=[None, 0.5])
def linear(request, tiny_prior):
    return problem(Advection(), tiny_prior, ("identity",), background=request.param)


@pytest.mark.parametrize("options", [{"iterations": 50}, {"outer": 1, "inner": 40}])
def test_it_is_the_exact_smoother(linear, options):
    """Mean and covariance; one member alone is the mean."""
    mean, P = smoothed(linear, WHITE)
    method = Var4D(weak=True, model_error=STD, **options)
    torch.testing.assert_close(last(method, linear, 1).estimate[0], mean, rtol=1e-6, atol=1e-6)
    ensemble = last(method, linear, 60).estimate
    torch.testing.assert_close(ensemble.mean(0), mean, rtol=1e-6, atol=1e-6)
    ratio = ensemble.flatten(1).var(0) / torch.diagonal(P)
    assert ratio.mean() == pytest.approx(1, abs=0.04)
    assert ratio.unflatten(0, (3, -1)).mean(1).tolist() == pytest.approx([1, 1, 1], abs=0.08)


def test_at_the_end_it_is_the_kalman_filter_with_model_error(linear):
    mean, _ = filtered(linear, WHITE)
    found = last(Var4D(weak=True, model_error=STD, iterations=80), linear, 1).estimate[0, -1]
    torch.testing.assert_close(found.flatten(), mean, rtol=1e-6, atol=1e-6)


def test_it_takes_the_covariance_that_it_is_told_unless_one_is_given(linear):
    told = replace(linear, model_error=linear.prior.climatological_covariance.first() * 0.3)
    Q = matrix(lambda x: told.model_error(x[:, None]), SHAPE)
    mean, _ = smoothed(linear, Q)
    found = last(Var4D(weak=True, iterations=100), told, 1).estimate[0]
    torch.testing.assert_close(found, mean, rtol=1e-6, atol=1e-6)
    given, untold = (
        last(Var4D(weak=True, model_error=0.1, iterations=30), told, 1),
        last(Var4D(weak=True, iterations=30), linear, 1),
    )
    assert torch.equal(given.estimate, untold.estimate)


def test_without_errors_it_is_the_strong_constraint(linear):
    weak, strong = (
        last(Var4D(weak=weak, model_error=1e-6, iterations=80), linear, 1).estimate
        for weak in (True, False)
    )
    torch.testing.assert_close(weak, strong, rtol=1e-5, atol=1e-5)
    other = last(Var4D(weak=True, model_error=STD, iterations=80), linear, 1).estimate
    assert (other - strong).abs().max() > 0.1


@pytest.fixture
def cost(tiny_system, tiny_prior):
    """Three weak cost functions through the QG solver, with nonlinear operators."""
    p = problem(tiny_system, tiny_prior, ("arctan", "speed"), mask="random:0.6")
    strong = ensemble_cost(p, MemberStreams(0, 3, dtype=torch.float64))
    errors = torch.randn(3, 2, *SHAPE, generator=stream(5), dtype=torch.float64)
    white = white_covariance(strong.covariance, 0.3)
    return WeakVariational.of(strong, p.system.step, white, errors)


def test_gradient_through_the_model_and_its_errors(cost):
    shape = cost.start.shape
    assert shape == (3, 3 * 128)
    v, d = (torch.randn(shape, generator=stream(k), dtype=torch.float64) for k in (1, 2))
    _, gradient = cost.value_and_gradient(0.3 * v, torch.arange(3))
    h = 1e-4
    difference = (cost.value(0.3 * v + h * d) - cost.value(0.3 * v - h * d)) / (2 * h)
    torch.testing.assert_close((gradient * d).sum(-1), difference, rtol=1e-6, atol=1e-6)


def test_rows_are_evaluated_by_themselves(cost):
    v = torch.randn(cost.start.shape, generator=stream(1), dtype=torch.float64)
    values, gradients = cost.value_and_gradient(v, torch.arange(3))
    some = torch.tensor([2, 0])
    value, gradient = cost.value_and_gradient(v[some], some)
    torch.testing.assert_close(value, values[some])
    torch.testing.assert_close(gradient, gradients[some])


def test_control_vectors_of_the_strong_form_keep_their_states(cost):
    v = torch.randn(3, 128, generator=stream(1), dtype=torch.float64)
    window = cost.window(cost.without_errors(v))
    torch.testing.assert_close(window[:, 0], Variational.state(cost, v))
    expected = cost.step(window[:, 0]) + 0.3 * cost.perturbations[:, 0]
    torch.testing.assert_close(window[:, 1], expected)
