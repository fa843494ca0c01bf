"""Statistical linearisation against closed forms and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dalab.methods.gaussian.linearise import linearise, moments
from dalab.observations import OPERATORS, network
from dalab.priors.covariance import SpectralCovariance
from dalab.random import stream

MEANS = torch.tensor([-1.2, -0.3, 0.0, 0.4, 2.0], dtype=torch.float64)


@pytest.mark.parametrize("v", [1e-4, 0.01, 0.1])
def test_sine_in_closed_form(tiny_system, v):
    variance = torch.full_like(MEANS, v)
    hbar, J, excess = moments(OPERATORS["sine"](tiny_system), MEANS, variance)
    damp = np.exp(-4.5 * v)
    torch.testing.assert_close(hbar, 1.5 * damp * torch.sin(3 * MEANS), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(J, 4.5 * damp * torch.cos(3 * MEANS), rtol=1e-5, atol=1e-6)
    second = 1.125 * (1 - np.exp(-18 * v) * torch.cos(6 * MEANS))
    expected = (second - hbar**2 - J**2 * v).clamp(min=0)
    torch.testing.assert_close(excess, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("v", [0.001, 0.02])
def test_arctan_by_fine_quadrature(tiny_system, v):
    nodes, weights = np.polynomial.hermite_e.hermegauss(101)
    weights = torch.from_numpy(weights / weights.sum())[:, None]
    x = MEANS + np.sqrt(v) * torch.from_numpy(nodes)[:, None]
    h, slope = torch.atan(3 * x), 3 / (1 + 9 * x**2)
    hbar, J, excess = moments(OPERATORS["arctan"](tiny_system), MEANS, torch.full_like(MEANS, v))
    torch.testing.assert_close(hbar, (weights * h).sum(0), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(J, (weights * slope).sum(0), rtol=1e-3, atol=1e-5)
    expected = (weights * h**2).sum(0) - (weights * h).sum(0) ** 2 - J**2 * v
    torch.testing.assert_close(excess, expected.clamp(min=0), rtol=0.05, atol=1e-5)


def test_a_fold_or_a_saturation_inside_the_uncertainty_is_not_trusted(tiny_system):
    wide, narrow = torch.full_like(MEANS, 1.0), torch.full_like(MEANS, 0.01)
    for name in ("arctan", "sine"):
        operator = OPERATORS[name](tiny_system)
        _, J_wide, excess_wide = moments(operator, MEANS, wide)
        _, J_narrow, excess_narrow = moments(operator, MEANS, narrow)
        assert J_wide.abs().max() < J_narrow.abs().max()
        assert excess_wide.min() > 1e-3 and (excess_wide > excess_narrow).all()


@pytest.fixture
def cov(tiny_prior) -> SpectralCovariance:
    return tiny_prior.error_covariance(0.3)


@pytest.fixture
def mean(tiny_prior) -> torch.Tensor:
    return torch.randn(2, *tiny_prior.window, generator=stream(0), dtype=torch.float64)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_forward_and_adjoint_are_transposes(tiny_system, cov, mean, name):
    mask = torch.rand(3, 8, 8, generator=stream(1)) < 0.5
    lin = linearise(network(OPERATORS[name](tiny_system), mask=mask).realise(), mean, cov)
    x = torch.randn(mean.shape, generator=stream(2), dtype=torch.float64)
    w = torch.randn(lin.mean.shape, generator=stream(3), dtype=torch.float64)
    left, right = (lin.forward(x) * w).sum(), (x * lin.adjoint(w)).sum()
    assert float(left) == pytest.approx(float(right), rel=1e-9)
    assert (lin.excess >= 0).all() and (lin.signal > 0).all()


@pytest.mark.parametrize("name", ["identity", "velocity"])
def test_linear_operators_are_exact(tiny_system, cov, mean, name):
    operator = OPERATORS[name](tiny_system)
    full = torch.ones(3, 8, 8, dtype=torch.bool)
    net = network(operator, mask=full).realise()
    lin = linearise(net, mean, cov)
    torch.testing.assert_close(lin.mean, net.apply(mean))
    torch.testing.assert_close(lin.forward(mean), net.apply(mean))
    assert lin.excess.abs().max() < 1e-10


@pytest.mark.slow
def test_signal_is_the_variance_of_the_linearised_observations(tiny_system, cov, mean):
    full = torch.ones(3, 8, 8, dtype=torch.bool)
    operators = [OPERATORS[name](tiny_system) for name in ("arctan", "identity", "speed")]
    net = network(*operators, mask=[full] * 3).realise()
    lin = linearise(net, mean[:1], cov)
    noise = torch.randn(4000, *mean.shape[1:], generator=stream(4), dtype=torch.float64)
    draws = torch.cat([lin.forward(d[None]) for d in cov.sample(noise)])
    ratio = draws.var(0) / lin.signal[0]
    exact, sampled = ratio[: 2 * 384], 1 / ratio[2 * 384 :]
    assert exact.mean() == pytest.approx(1, abs=0.01) and exact.std() < 0.05
    assert sampled.mean() == pytest.approx(1, abs=0.25)  # from a few draws: unbiased, not exact


def test_general_operators_get_the_mean_and_excess_of_their_draws(tiny_system, cov, mean):
    """Speed is neither elementwise nor linear: compare with a large Monte Carlo sample."""
    full = torch.ones(3, 8, 8, dtype=torch.bool)
    net = network(OPERATORS["speed"](tiny_system), mask=full).realise()
    lin = linearise(net, mean[:1], cov)
    noise = torch.randn(4000, *mean.shape[1:], generator=stream(5), dtype=torch.float64)
    deviations = cov.sample(noise)
    seen = net.apply(mean[:1] + deviations)
    error = (lin.mean - seen.mean(0)).pow(2).mean().sqrt()
    plain = (net.apply(mean[:1]) - seen.mean(0)).pow(2).mean().sqrt()
    assert error < plain
