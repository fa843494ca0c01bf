"""DAISI against exact answers: of Gaussians, of linear algebra, of the oracle table."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.methods.generative.daisi.closed_form import gaussian_analysis
from dalab.methods.generative.daisi.gmres import gmres
from dalab.methods.generative.daisi.guidance import DPS, MMPS, ScaledDPS, Spectral
from dalab.methods.generative.daisi.method import DAISI
from dalab.priors.flow import Flow
from dalab.random import stream
from tests.dense import matrix
from tests.methods.generative.daisi.worlds import Grid, euler, gaussian, moments, scalar
from tests.methods.worlds import problem

TIMES = (0.2, 0.5, 0.9)

# m_f, v_f, t_min, epsilon; mean and variance with exact integration, and with 100 Euler steps
ORACLE = [
    ((0, 2, 0.0, 0.0), (1.199, 0.400), (1.199, 0.380)),
    ((0, 2, 0.3, 0.03), (0.892, 0.505), (0.894, 0.489)),
    ((1, 0.3, 0.0, 0.0), (1.646, 0.060), (1.635, 0.057)),
    ((1, 0.3, 0.3, 0.0), (1.391, 0.076), (1.386, 0.074)),
    ((1, 0.3, 0.3, 0.03), (1.382, 0.097), (1.378, 0.095)),
    ((1, 0.3, 0.3, 0.3), (1.320, 0.233), (1.316, 0.231)),
    ((1, 0.3, 0.6, 0.03), (1.134, 0.181), (1.132, 0.180)),
    ((1, 0.3, 0.9, 0.03), (1.006, 0.293), (1.007, 0.294)),
]
NEAR_ZERO = 1e-3
"""Stands for t_min -> 0 in the table."""


def dense():
    """A Gaussian prior, its covariance matrix, and latents of two windows."""
    prior = gaussian()
    cov = matrix(prior.climatological_covariance, prior.window)
    z = torch.randn(2, *prior.window, generator=stream(1, "z"), dtype=torch.float64)
    return prior, cov, z


def close(found, expected):
    torch.testing.assert_close(found.reshape(expected.shape), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("t", TIMES)
def test_one_denoiser_gives_velocity_score_and_both_means(t):
    prior, cov, z = dense()
    flow, flat, eye = Flow(prior), z.flatten(1), torch.eye(len(cov), dtype=cov.dtype)
    V = (1 - t) ** 2 * eye + t**2 * cov
    solved = torch.linalg.solve(V, flat.T).T
    close(flow.score(z, t), -solved)
    close(flow.velocity(z, t), solved @ (t * cov - (1 - t) * eye))
    close(flow.data_mean(z, t), t * solved @ cov)
    close(flow.noise_mean(z, t), (1 - t) * solved)


@pytest.mark.parametrize("t", TIMES)
def test_covariance_and_full_moment_matching_are_exact(t):
    prior, cov, z = dense()
    flow, size = Flow(prior), len(cov)
    eye = torch.eye(size, dtype=cov.dtype)
    V = (1 - t) ** 2 * eye + t**2 * cov
    gain = t * cov @ torch.linalg.inv(V)
    posterior = cov - t * gain @ cov
    slope = torch.autograd.functional.jacobian(
        lambda z: flow.data_mean(z, t).flatten(), z[0]
    ).reshape(size, size)
    close((1 - t) ** 2 / t * slope, posterior)

    net, data = seen(prior)
    H = torch.autograd.functional.jacobian(lambda x: net.apply(x), z[0]).reshape(net.size, size)
    S = H @ posterior @ H.T + net.variance(like=z).diag()
    residual = data - z.flatten(1) @ gain.T @ H.T
    expected = torch.linalg.solve(S, residual.T).T @ H @ gain
    close(MMPS(flow, net, net.size)(z, t, data)[1], expected)
    likelihood = residual / net.variance(like=z) @ H @ gain
    close(DPS(flow, net)(z, t, data)[1], likelihood)
    norm = residual.norm(dim=-1, keepdim=True)
    close(ScaledDPS(flow, net)(z, t, data)[1], residual / norm @ H @ gain)
    found = Spectral(flow, net, 60)(z, t, data)[1].flatten(1)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


def seen(prior):
    """A network of half of the cells and two vectors of data."""
    made = problem(Grid(), prior, mask="random:0.5", std=0.3)
    return made.network, torch.stack([made.data, made.data + 0.5])


def test_one_iteration_of_gmres_scales_the_residual():
    draw = torch.randn(3, 7, 7, generator=stream(0, "A"), dtype=torch.float64)
    A = draw @ draw.mT + torch.eye(7).double()
    b = torch.randn(3, 7, generator=stream(0, "b"), dtype=torch.float64)

    def apply(x):
        return (A @ x[..., None])[..., 0], 2 * x

    Ab = apply(b)[0]
    x, twice = gmres(apply, b, 1)
    expected = (b * Ab).sum(-1, keepdim=True) / (Ab * Ab).sum(-1, keepdim=True) * b
    torch.testing.assert_close(x, expected, rtol=1e-15, atol=1e-15)
    torch.testing.assert_close(twice, 2 * x, rtol=1e-14, atol=1e-14)
    exact, _ = gmres(apply, b, 7)
    torch.testing.assert_close(exact, torch.linalg.solve(A, b), rtol=1e-9, atol=1e-9)
    assert gmres(apply, 0 * b, 3)[0].eq(0).all()


@pytest.mark.parametrize("forecast, exact, _", ORACLE)
def test_closed_form_of_the_oracle_table(forecast, exact, _):
    m, v, t, e = forecast
    mean, variance = gaussian_analysis(
        m, v, prior_variance=2, error_variance=0.5, data=1.5, t_min=t or NEAR_ZERO, epsilon=e,
        inversion_epsilon=e,
    )
    assert (float(mean), float(variance)) == pytest.approx(exact, abs=1.01e-3 if t == 0 else 6e-4)


@pytest.mark.parametrize("forecast, _, sampled", ORACLE)
def test_method_in_a_hundred_steps_of_the_oracle_table(forecast, _, sampled):
    """The table's values are of 2e5 samples: three of their standard errors are allowed."""
    m, v, t, e = forecast
    options = {"t_min": t or NEAR_ZERO, "epsilon": e, "inversion_epsilon": e}
    mean, variance = moments(DAISI(**options), scalar(1.5, math.sqrt(0.5)), m, v)
    assert mean == pytest.approx(sampled[0], abs=5e-4 + 3 * math.sqrt(variance / 2e5))
    assert variance == pytest.approx(sampled[1], abs=5e-4 + 3 * variance * math.sqrt(2 / 2e5))
    written = euler(m, v, s2=2, R=0.5, y=1.5, steps=100, **options)
    assert (mean, variance) == pytest.approx(tuple(map(float, written)), rel=1e-11)


def test_formula_without_noise():
    s2, R, y, t, m, v = 2.0, 0.5, 1.5, 0.3, 1.0, 0.3
    K, V, v1 = s2 / (s2 + R), (1 - t) ** 2 + t**2 * s2, s2 * R / (s2 + R)
    vy = V - t**2 * s2**2 / (s2 + R)
    mean = K * y + math.sqrt(v1 / vy) * (math.sqrt(V / s2) * m - t * K * y)
    found = gaussian_analysis(m, v, prior_variance=s2, error_variance=R, data=y, t_min=t)
    assert tuple(map(float, found)) == pytest.approx((mean, v1 / vy * V / s2 * v), rel=1e-11)


def test_without_data_the_climate_stays_but_for_the_steps():
    """Published: 1.955 of 2 after inversion and generation in 100 steps each."""
    method = DAISI(t_min=0.3, epsilon=0.03, inversion_epsilon=0.03, strength=0.0)
    mean, variance = moments(method, scalar(0.0, 1.0), 0.0, 2.0)
    assert mean == 0 and variance == pytest.approx(1.955, abs=5e-4)
    found = gaussian_analysis(
        0, 2, prior_variance=2, error_variance=math.inf, data=0, t_min=0.3, epsilon=0.03,
        inversion_epsilon=0.03,
    )
    assert tuple(map(float, found)) == pytest.approx((0, 2), abs=1e-9)


@pytest.mark.parametrize("start", ["invert", "sdedit", "noise"])
def test_moments_of_all_starts(start):
    options = {"start": start, "t_min": 0.4, "epsilon": 0.1, "inversion_epsilon": 0.05}
    given = {"s2": 2, "R": 0.5, "y": 1.5, **options}
    method = DAISI(steps=20, inversion_steps=20, **options)
    found = moments(method, scalar(1.5, math.sqrt(0.5)), 1, 0.3)
    assert found == pytest.approx(tuple(map(float, euler(1, 0.3, steps=20, **given))), rel=1e-11)
    exact = gaussian_analysis(1, 0.3, prior_variance=2, error_variance=0.5, data=1.5, **options)
    many = euler(1, 0.3, steps=2000, **given)
    assert tuple(map(float, many)) == pytest.approx(tuple(map(float, exact)), rel=3e-3)


@pytest.mark.parametrize("guidance", ["mmps", "spectral"])
def test_states_of_many_numbers_follow_the_scalar_map_along_every_direction(guidance):
    prior = gaussian()
    made = problem(Grid(), prior, mask="full", std=0.4)
    x = torch.randn(3, 2, 4, 4, generator=stream(2, "x"), dtype=torch.float64)
    method = DAISI(guidance=guidance, iterations=20, epsilon=0.0, steps=15, inversion_steps=15)
    found = method.prepare(made).assimilate({"ensemble": x}, made, None)["ensemble"].flatten(1)
    w, V = torch.linalg.eigh(matrix(prior.climatological_covariance, prior.window))
    expected, _ = euler(
        x.flatten(1) @ V, torch.zeros_like(w), s2=w, R=0.16, y=made.data @ V, t_min=0.3,
        epsilon=0.0, inversion_epsilon=0.0, steps=15,
    )
    torch.testing.assert_close(found, expected @ V.T, rtol=0, atol=1e-6)
