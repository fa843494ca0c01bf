"""Finite-size ensemble Kalman filter against minimisation of its cost in the space of weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy.optimize import minimize

from dalab.methods.cycling import observations_at
from dalab.methods.ensemble.base import inflate
from dalab.methods.ensemble.enkf_n import EnKFN
from dalab.methods.ensemble.etkf import ETKF
from dalab.methods.ensemble.finite_size import dual_zeta, hyperprior, primal_zeta
from dalab.methods.ensemble.subspace import Modes
from dalab.random import MemberStreams, stream
from tests.dense import matrix, posterior
from tests.methods.kalman import first_moments, moment_matched
from tests.methods.worlds import Advection, last, problem


def streams(members):
    return MemberStreams(0, members, dtype=torch.float64)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=stream(seed), dtype=torch.float64)


def case(members, size, surprise, seed=0):
    """Observed anomalies ``(N, size)`` and an innovation, larger than they explain or not."""
    Y = normal(members, size, seed=seed)
    return Y - Y.mean(0), surprise * normal(size, seed=seed + 100)


CASES = [case(3, 3, 1.0), case(3, 3, 30.0), case(10, 3, 5.0), case(10, 40, 2.0), case(24, 40, 0.1)]


def weights(Y, d, xN=1.0):
    modes = Modes.of(Y)
    zeta = dual_zeta(modes, Y @ d, xN)
    return modes, zeta, modes.solve(zeta, Y @ d)


# ---------------------------------------------------------------- the number of the prior


@pytest.mark.parametrize("Y, d", CASES)
@pytest.mark.parametrize("xN", [1.0, 2.0])
def test_primal_and_dual_meet(Y, d, xN):
    modes, zeta, w = weights(Y, d, xN)
    torch.testing.assert_close(primal_zeta(modes, w, xN), zeta, rtol=1e-9, atol=0)


@pytest.mark.parametrize("Y, d", CASES)
def test_the_weights_minimise_the_primal_cost(Y, d):
    """No descent from anywhere ends lower, and the lowest ends there."""
    modes, _, w = weights(Y, d)
    (epsilon, c), N = (float(v) for v in hyperprior(modes, 1.0)), len(Y)

    def cost(v):
        v = torch.as_tensor(v).clone().requires_grad_()
        with torch.enable_grad():
            misfit = (d - v @ Y).square().sum() / 2
            value = misfit + (N - 1) * c / 2 * torch.log(epsilon + v @ v)
            return value.item(), torch.autograd.grad(value, v)[0].numpy()

    starts = [torch.zeros(N).double(), *(3 * normal(6, N, seed=7))]
    ends = [minimize(cost, s.numpy(), jac=True, tol=1e-12) for s in starts]
    best = min(ends, key=lambda end: end.fun)
    assert cost(w)[0] <= best.fun + 1e-9
    torch.testing.assert_close(w, torch.as_tensor(best.x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("Y, d", CASES)
def test_no_value_of_the_dual_cost_is_lower(Y, d):
    modes, zeta, _ = weights(Y, d)
    epsilon, c = hyperprior(modes, 1.0)
    eye = torch.eye(len(d)).double()

    def dual(zeta):
        fit = d @ torch.linalg.solve(Y.T @ Y / zeta + eye, d)
        return fit + epsilon * zeta - (len(Y) - 1) * c * torch.log(zeta)

    every = torch.exp(torch.linspace(-12, 5, 2000, dtype=torch.float64))
    assert all(dual(zeta) <= dual(other) + 1e-9 for other in every)


def test_without_observations_nothing_is_inflated():
    Y = torch.zeros(7, 0, dtype=torch.float64)
    _, zeta, w = weights(Y, torch.zeros(0, dtype=torch.float64))
    assert zeta.item() == pytest.approx(6, rel=1e-12)
    assert w.abs().max() == 0


def test_the_inflation_grows_with_the_surprise():
    Y, d = case(10, 20, 1.0)
    zetas = [weights(Y, k * d)[1].item() for k in (0.0, 1.0, 2.0, 4.0, 8.0)]
    assert zetas == sorted(zetas, reverse=True)
    assert zetas[-1] < zetas[0] / 4


def test_each_repeat_has_its_own():
    Y, d = normal(4, 6, 9), normal(4, 9, seed=1) * torch.tensor([0.1, 1, 5, 50]).double()[:, None]
    Y = Y - Y.mean(1, keepdim=True)
    modes = Modes.of(Y)
    together = dual_zeta(modes, (Y @ d[..., None])[..., 0], 1.0)
    alone = torch.stack([weights(a, b)[1] for a, b in zip(Y, d, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=0)


# ---------------------------------------------------------------- the filter


@pytest.fixture
def linear(tiny_prior):
    return problem(Advection(), tiny_prior, ("identity",), background=0.5)


@pytest.mark.parametrize("members", [8, 129])
def test_it_is_the_etkf_of_an_inflated_forecast(linear, members):
    x = moment_matched(*first_moments(linear)).unflatten(1, (2, 8, 8))[:members]
    net, data = observations_at(linear, 0)
    now, method = replace(linear, network=net, data=data), EnKFN()
    found = method.assimilate(method.begin(x, linear), now, streams(members))
    factor = float(found["inflation"])
    assert factor > 1.05 if members == 8 else factor == pytest.approx(1, abs=0.2)
    expected = ETKF(inflation=1.0).analysis(inflate(x, factor), net, data, streams(members))
    torch.testing.assert_close(found["ensemble"], expected, rtol=1e-8, atol=1e-9)


def test_moments_are_those_of_kalman_with_the_inflated_covariance(linear):
    mean, P = first_moments(linear)
    x = moment_matched(mean, P).unflatten(1, (2, 8, 8))
    net, data = observations_at(linear, 0)
    now, method = replace(linear, network=net, data=data), EnKFN(rotation=True, inflation=1.1)
    found = method.assimilate(method.begin(x, linear), now, streams(129))
    H = matrix(lambda x: net.apply(x[:, None]), (2, 8, 8))
    inflated = float(found["inflation"]) ** 2 * P
    m, A = posterior(mean, inflated, H, net.variance().double(), data)
    members = found["ensemble"].flatten(1)
    torch.testing.assert_close(members.mean(0), m, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(torch.cov(members.T), 1.21 * A, rtol=1e-5, atol=1e-6)


def test_repeats_together_are_what_each_is_alone(linear):
    net, data = observations_at(linear, 0)
    x, several = normal(3, 6, 2, 8, 8), torch.stack([data, data + 3, data - 0.1])
    method = EnKFN(rotation=True)
    together = method.assimilate(
        method.begin(x, linear), replace(linear, network=net, data=several), streams(6)
    )
    assert method.diagnostics(together)["inflation"].shape == (3,)
    for i in range(3):
        alone = method.assimilate(
            method.begin(x[i], linear), replace(linear, network=net, data=several[i]), streams(6)
        )
        for name, value in alone.items():
            torch.testing.assert_close(together[name][i], value)


def test_the_note_gives_the_inflation(linear):
    note = last(EnKFN(members=5), linear, 1).note
    assert note.startswith("step 2, spread ") and ", inflation " in note
