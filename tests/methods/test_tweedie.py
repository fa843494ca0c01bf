"""Posterior means with the denoiser's own covariance, against dense linear algebra."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.methods.diffusion.spectral import (
    ERROR_INFLATION,
    FLOW_FROM_BACKGROUND,
    LARGEST_DEPARTURE,
    SpectralGuidance,
    flow_levels,
    preconditioner_innovations,
)
from dalab.methods.diffusion.tweedie import tweedie_increment
from dalab.methods.gaussian.innovations import Innovations, observation_innovations
from dalab.methods.gaussian.solver import GaussianSolver
from dalab.methods.gaussian.update import Gaussian, background_observation, condition, posterior
from dalab.priors.base import Prior
from dalab.random import stream
from tests.dense import matrix
from tests.methods.worlds import last, problem


class Mixture(Prior):
    """Either of two Gaussian climates, the second of less variance; not Gaussian itself.

    Args:
        prior: the first climate.
        factor: covariance of the second relative to the first.
    """

    def __init__(self, prior, factor: float) -> None:
        super().__init__("mixture", prior.window)
        self.parts = [prior, type(prior)(prior.matrices() * factor, prior.window)]

    def denoise(self, x, sigma):
        weights = torch.softmax(torch.stack([self._evidence(p, x, sigma) for p in self.parts]), 0)
        means = torch.stack([part.denoise(x, sigma) for part in self.parts])
        return (weights.view(*weights.shape, *[1] * 4) * means).sum(0)

    def _evidence(self, part, x, sigma):
        score = (part.denoise(x, sigma) - x) / sigma**2
        variance = part.eigenvalues + sigma**2
        full = torch.cat([variance, variance[:, 1 : x.shape[-1] // 2]], 1)
        return 0.5 * ((x * score).flatten(-4).sum(-1) - full.log().sum())

    def error_covariance(self, sigma):
        return self.parts[0].error_covariance(sigma)

    @property
    def climatological_covariance(self):
        return self.parts[0].climatological_covariance


class Inhomogeneous(Prior):
    """A Gaussian prior that does not say that it is one."""

    def __init__(self, prior) -> None:
        super().__init__("inhomogeneous", prior.window)
        self.prior = prior

    def denoise(self, x, sigma):
        return self.prior.denoise(x, sigma)

    def error_covariance(self, sigma):
        return self.prior.error_covariance(sigma)

    @property
    def climatological_covariance(self):
        return self.prior.climatological_covariance


def adapted(p, x, sigma, **options):
    method = SpectralGuidance(iterations=400, **options)
    return method._flow_dependent_mean(p, x, sigma, background_observation(p))


@pytest.mark.parametrize("background", [None, 0.2])
@pytest.mark.parametrize("mask", ["random:0.4", "full"])
def test_one_iteration_is_exact_where_the_table_is(tiny_system, tiny_prior, mask, background):
    """A Gaussian prior's own covariance is the tabulated one: nothing is left to iterate."""
    operators = ("velocity", "identity")
    p = problem(tiny_system, tiny_prior, operators, mask=mask, background=background)
    x = torch.randn(2, *p.window, generator=stream(5), dtype=torch.float64)
    D, cov = tiny_prior.denoise(x, 1.0), tiny_prior.error_covariance(1.0)
    wanted = posterior(p, Gaussian(D, cov), background_observation(p), iterations=400)
    torch.testing.assert_close(adapted(p, x, 1.0, flow=1), wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("background", [None, 0.2])
def test_iterations_converge_to_the_solution_with_the_jacobian(
    tiny_system, tiny_prior, background
):
    """D + V H^T (R + H V H^T)^-1 (z - H D), V the Jacobian written out, for a linear network."""
    sigma, mixture = 0.7, Mixture(tiny_prior, 0.3)
    p = problem(tiny_system, mixture, ("identity",), background=background)
    x = 0.8 * torch.randn(1, *p.window, generator=stream(6), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: mixture.denoise(v, sigma), x)
    V = sigma**2 * jacobian.reshape(x.numel(), x.numel())
    H, R, z = matrix(p.network.apply, p.window), p.network.variance(like=p.data), p.data
    if background is not None:
        first = matrix(lambda w: w[:, 0], p.window)
        H, R = torch.cat([H, first]), torch.cat([R, R.new_full((len(first),), background**2)])
        z = torch.cat([z, p.background.state.flatten()])
    D = mixture.denoise(x, sigma).flatten()
    wanted = D + V @ H.T @ torch.linalg.solve(torch.diag(R) + H @ V @ H.T, z - H @ D)

    def error(iterations: int) -> float:
        flow = iterations if background is None else 2 * iterations
        return float((adapted(p, x, sigma, flow=flow).flatten() - wanted).norm())

    assert error(1) < 0.2 * float((D - wanted).norm())
    assert error(6) < 1e-3 * float((D - wanted).norm())
    assert error(2) < error(1)


class Loud(Inhomogeneous):
    """A prior whose Jacobian is three times what its errors are."""

    def denoise(self, x, sigma):
        denoised = super().denoise(x, sigma)
        return denoised + 2 * (denoised - denoised.detach())


def test_with_a_background_no_cell_leaves_the_tabulated_solution_far(tiny_system, tiny_prior):
    p = problem(tiny_system, Loud(tiny_prior), ("identity",), background=0.2)
    p = replace(p, data=p.data + 20)
    x = torch.randn(1, *p.window, generator=stream(8), dtype=torch.float64)
    gaussian = Gaussian(tiny_prior.denoise(x, 1.0), tiny_prior.error_covariance(1.0))
    tabulated = posterior(p, gaussian, background_observation(p), iterations=400)
    about, _ = condition(background_observation(p), gaussian)
    apart = (adapted(p, x, 1.0, flow=3) - tabulated).abs() / about.cov.variance().sqrt()
    assert apart.max() == pytest.approx(LARGEST_DEPARTURE) and apart.min() < 0.9 * LARGEST_DEPARTURE


@pytest.mark.parametrize(
    "factor, error, kept",
    [(1.0, 1.0, True), (0.5, 1.0, True), (-1.0, 0.01, False), (1e3, 100.0, False)],
)
def test_a_jacobian_that_is_no_covariance_is_not_followed(tiny_prior, factor, error, kept):
    """Beyond a few times the tabulated increment that one is taken; a multiple of C is exact."""
    C, (time, lev, ny, nx) = tiny_prior.error_covariance(1.0), tiny_prior.window
    few = torch.randn(2, 5, generator=stream(7), dtype=torch.float64)
    one = torch.ones_like(few)

    def adjoint(a):
        window = torch.zeros(2, time * lev * ny * nx, dtype=torch.float64)
        window[:, :5] = a
        return window.view(2, *tiny_prior.window)

    known = Innovations(few, error * one, one, lambda x: x.flatten(1)[:, :5], adjoint)
    S = torch.diag(known.error[0]) + matrix(lambda a: known.forward(C(_pair(adjoint, a))), (5,))
    tabulated = C(adjoint(torch.linalg.solve(S, few.T).T))
    own = torch.diag(known.error[0]) * (1 - factor) + factor * S
    exact = factor * C(adjoint(torch.linalg.solve(own, few.T).T))
    table = GaussianSolver(known, C, 20)
    found, reference = tweedie_increment(known, table, lambda v: factor * C(v), iterations=8)
    torch.testing.assert_close(reference, tabulated, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(found, exact if kept else tabulated, rtol=1e-6, atol=1e-9)
    assert kept or (exact - tabulated).abs().max() > 1e-3


def _pair(adjoint, rows):
    """Apply a map of two rows to any number of them."""
    padded = torch.cat([rows, rows[:1]]) if len(rows) % 2 else rows
    return torch.cat([adjoint(two) for two in padded.split(2)])[: len(rows)]


def test_a_gaussian_prior_needs_no_backpropagation(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("identity",), background=0.3)
    with_flow, without = (last(SpectralGuidance(steps=6, flow=flow), p, 2) for flow in (2, 0))
    assert torch.equal(with_flow.estimate, without.estimate)


@pytest.mark.parametrize("background", [None, 0.3])
def test_members_are_the_same_however_they_are_batched(tiny_system, tiny_prior, background):
    p = problem(tiny_system, Inhomogeneous(tiny_prior), ("arctan",), background=background)
    whole, split = (
        last(SpectralGuidance(steps=12, batch=batch), p, 3).estimate for batch in (32, 1)
    )
    torch.testing.assert_close(whole, split, rtol=1e-9, atol=1e-10)
    plain = last(SpectralGuidance(steps=12, flow=0), p, 3).estimate
    assert (plain - whole).abs().max() > 1e-3  # the mean is taken where the flow is used


@pytest.mark.parametrize(
    ("levels", "background", "expected"),
    [
        ((0.2, 5.0), None, (0.2, 5.0)),
        ((0.05, 0.4), None, (0.05, 0.4)),
        (None, None, None),
        ((0.2, 5.0), 0.2, FLOW_FROM_BACKGROUND),
        ((0.05, 0.4), 0.2, None),
        ((0.05, 0.8), 0.2, None),
        (None, 0.2, None),
    ],
)
def test_a_prior_says_at_which_noise_its_own_covariance_is_used(
    tiny_system, tiny_prior, levels, background, expected
):
    """With a tabulated background only if it is one to rely on at all levels that need it."""
    prior = Inhomogeneous(tiny_prior)
    prior.flow_levels = levels
    p = problem(tiny_system, prior, ("velocity",), background=background)
    assert flow_levels(p) == expected
    method = SpectralGuidance(flow=2)
    low, high = expected or (0.1, 1.0)
    assert method._follows_flow(p, low) == method._follows_flow(p, high) == (expected is not None)
    assert not method._follows_flow(p, 0.9 * low) and not method._follows_flow(p, 1.1 * high)


@pytest.mark.slow
def test_a_less_sharp_preconditioner_ends_at_the_same_window(tiny_system, tiny_prior):
    mixture = Mixture(tiny_prior, 0.3)
    p = problem(tiny_system, mixture, ("velocity",))
    x = 0.8 * torch.randn(2, *p.window, generator=stream(9), dtype=torch.float64)
    x.requires_grad_()
    with torch.enable_grad():
        D = mixture.denoise(x, 2.0)

    def V(v):
        return 4.0 * torch.autograd.grad(D, x, v, retain_graph=True)[0]

    C = mixture.error_covariance(2.0)
    seen = observation_innovations(p.network, p.data, D.detach(), C)
    tables = [GaussianSolver(by, C, 200) for by in (seen, seen.inflate_errors(3.0))]
    increments = [[tweedie_increment(seen, table, V, k)[0] for table in tables] for k in (1, 12)]
    torch.testing.assert_close(*increments[1], rtol=1e-3, atol=1e-3)
    assert (increments[0][0] - increments[0][1]).abs().max() > 1e-2


def test_the_table_is_doubted_where_windows_are_solved_for_above_the_climate(
    tiny_system, tiny_prior
):
    cases = ("velocity", 2.0, ERROR_INFLATION), ("velocity", 1.0, 1), ("arctan", 2.0, 1)
    for operator, s, factor in cases:
        p = problem(tiny_system, tiny_prior, (operator,))
        D = torch.zeros(1, *p.window, dtype=torch.float64)
        seen = observation_innovations(p.network, p.data, D, tiny_prior.error_covariance(s))
        torch.testing.assert_close(preconditioner_innovations(seen, s).error, factor * seen.error)
        assert preconditioner_innovations(seen, s).values is seen.values
