"""3D-Var and 4D-Var: adjoints, minimisers, exact answers."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.variational.lbfgs import lbfgs
from dalab.methods.variational.oi import OptimalInterpolation
from dalab.methods.variational.var3d import Var3D
from dalab.methods.variational.var4d import Var4D, ensemble_cost
from dalab.random import MemberStreams, stream
from tests.methods.kalman import smoothed
from tests.methods.worlds import Advection, last, problem


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=stream(seed), dtype=torch.float64)


@pytest.fixture
def cost(tiny_system, tiny_prior):
    """Three perturbed cost functions through the QG solver, nonlinear operators and all."""
    p = problem(tiny_system, tiny_prior, ("arctan", "speed"), mask="random:0.6")
    return ensemble_cost(p, MemberStreams(0, 3, dtype=torch.float64))


def everyone(cost):
    return torch.arange(len(cost.first_guess))


# ---------------------------------------------------------------- derivatives


def test_gradient_through_the_solver_is_that_of_the_cost(cost):
    """Complex-step accuracy by Richardson extrapolation of central differences."""
    v, d = 0.3 * normal(3, 128), normal(3, 128, seed=1)
    _, gradient = cost.value_and_gradient(v, everyone(cost))

    def central(h):
        return (cost.value(v + h * d) - cost.value(v - h * d)) / (2 * h)

    h = 2e-3
    fine = (64 * central(h / 4) - 20 * central(h / 2) + central(h)) / 45
    torch.testing.assert_close((gradient * d).sum(-1), fine, rtol=1e-8, atol=1e-8)


def test_adjoint_is_the_transpose_of_the_tangent_linear_model(cost):
    v, u = 0.3 * normal(3, 128), normal(3, 128, seed=1)
    residuals, pullback = torch.func.vjp(cost.residuals, v)
    forward = torch.func.jvp(cost.residuals, (v,), (u,))[1]
    w = normal(*residuals.shape, seed=2)
    torch.testing.assert_close((forward * w).sum(), (u * pullback(w)[0]).sum(), rtol=1e-12, atol=0)


def test_rows_are_evaluated_by_themselves(cost):
    v = normal(3, 128)
    values, gradients = cost.value_and_gradient(v, everyone(cost))
    some = torch.tensor([2, 0])
    value, gradient = cost.value_and_gradient(v[some], some)
    torch.testing.assert_close(value, values[some])
    torch.testing.assert_close(gradient, gradients[some])


# ---------------------------------------------------------------- minimisers


def test_lbfgs_solves_each_quadratic_as_if_alone():
    A = normal(4, 12, 12)
    A, b = A @ A.mT + torch.eye(12), normal(4, 12, seed=1)

    def quadratic(v, rows):
        Av = (A[rows] @ v[..., None])[..., 0]
        return (v * (Av / 2 - b[rows])).sum(-1), Av - b[rows]

    def solved(rows):
        def part(v, index):
            return quadratic(v, rows[index])

        *_, final = lbfgs(part, torch.zeros(len(rows), 12).double(), 80, memory=10)
        return final.v

    together = solved(torch.arange(4))
    exact = torch.linalg.solve(A, b)
    torch.testing.assert_close(together, exact, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(together[2:3], solved(torch.tensor([2])), rtol=1e-9, atol=1e-10)


def test_lbfgs_descends_the_rosenbrock_valley_and_stays_at_its_end():
    def rosenbrock(v, rows):
        with torch.enable_grad():
            v = v.detach().requires_grad_()
            value = (1 - v[:, 0]) ** 2 + 100 * (v[:, 1] - v[:, 0] ** 2) ** 2
            return value.detach(), torch.autograd.grad(value.sum(), v)[0]

    start = torch.tensor([[-1.2, 1.0], [1.0, 1.0], [3.0, -4.0]], dtype=torch.float64)
    steps = list(lbfgs(rosenbrock, start, 70, memory=10))
    assert len(steps) == 70
    values = torch.stack([s.value for s in steps])
    assert (values[1:] <= values[:-1] * (1 + 1e-8) + 1e-12).all()
    torch.testing.assert_close(steps[-1].v, torch.ones(3, 2).double(), rtol=1e-5, atol=1e-5)


def test_line_search_survives_overflow():
    def wall(v, rows):
        value = torch.where(v[:, 0] < 2, (v[:, 0] - 1) ** 2, torch.nan)
        return value, 2 * (v - 1)

    *_, final = lbfgs(wall, torch.full((1, 1), -1e3).double(), 30, memory=5)
    assert final.v.item() == pytest.approx(1.0, abs=1e-6)


# ---------------------------------------------------------------- exact answers


@pytest.mark.parametrize("options", [{"iterations": 80}, {"outer": 1, "inner": 60}])
@pytest.mark.parametrize("background", [None, 0.5])
def test_var4d_is_the_exact_smoother_of_a_linear_model(tiny_prior, options, background):
    p = problem(Advection(), tiny_prior, ("identity",), background=background)
    mean, P = smoothed(p)
    alone = last(Var4D(**options), p, 1).estimate[0]
    torch.testing.assert_close(alone, mean, rtol=1e-6, atol=1e-6)
    ensemble = last(Var4D(**options), p, 300).estimate
    torch.testing.assert_close(ensemble.mean(0), mean, rtol=1e-6, atol=1e-6)
    assert (ensemble.flatten(1).var(0) / torch.diagonal(P)).mean() == pytest.approx(1, abs=0.03)


@pytest.mark.slow
def test_both_forms_of_var4d_agree_on_turbulence(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("identity",), background=0.2)
    full = last(Var4D(iterations=40), p, 1).estimate
    incremental = last(Var4D(outer=4, inner=12), p, 1).estimate
    torch.testing.assert_close(incremental, full, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_incremental_var4d_lowers_the_full_cost(cost):
    values = [cost.value(v) for v in cost.gauss_newton(outer=3, inner=8)]
    before = cost.value(cost.start)
    for value in values:
        assert (value <= before).all()
        before = value
    assert (values[-1] < 0.8 * cost.value(cost.start)).all()


@pytest.mark.parametrize("background", [None, 0.3])
def test_var3d_is_optimal_interpolation_for_linear_operators(tiny_prior, background):
    p = problem(Advection(), tiny_prior, ("identity",), background=background)
    a = last(Var3D(scale=0.5, iterations=80), p, 3).estimate
    b = last(OptimalInterpolation(scale=0.5, iterations=200), p, 3).estimate
    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_var3d_finds_the_minimum_that_linearisation_misses(tiny_system, tiny_prior):
    """At its end the gradient of the full nonlinear cost vanishes; not so for oi."""
    p = problem(tiny_system, tiny_prior, ("arctan",), mask="full", std=0.05)
    at_end = {}
    for name, method in (("3d", Var3D(iterations=400)), ("oi", OptimalInterpolation())):
        x = last(method, p, 1).estimate[:, 0]
        net, first = p.network.at(0), tiny_prior.climatological_covariance.first()
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            misfit = (p.data[p.network.rows(0)] - net.apply(x[:, None])) / 0.05
            (pull,) = torch.autograd.grad(misfit.pow(2).sum() / 2, x)
        at_end[name] = float((x.detach() + first(pull[:, None])[:, 0]).abs().max())
    assert at_end["3d"] < 1e-3 < at_end["oi"]


@pytest.mark.parametrize(
    "method", [Var3D(iterations=5), Var4D(iterations=5), Var4D(outer=1, inner=3)]
)
def test_zero_and_full_observations(tiny_system, tiny_prior, method):
    for mask in ("points:[]", "full"):
        p = problem(tiny_system, tiny_prior, ("arctan",), mask=mask)
        assert torch.isfinite(last(method, p, 2).estimate).all()
