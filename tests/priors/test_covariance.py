"""Homogeneous covariances against dense matrices."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.observations import OPERATORS
from dalab.priors.covariance import HomogeneousObservation, SpectralCovariance, estimate
from dalab.random import stream
from tests.dense import matrix, posterior


@pytest.fixture(scope="module")
def cov(tiny_prior) -> SpectralCovariance:
    return tiny_prior.climatological_covariance


@pytest.fixture(scope="module")
def dense(cov, tiny_prior) -> torch.Tensor:
    return matrix(cov, tiny_prior.window)


def test_is_symmetric_positive_definite(dense):
    torch.testing.assert_close(dense, dense.T)
    assert torch.linalg.eigvalsh(dense).min() > 0


def test_variance_is_the_diagonal(cov, dense, tiny_prior):
    expected = torch.diagonal(dense).reshape(tiny_prior.window)
    torch.testing.assert_close(cov.variance().expand(tiny_prior.window), expected)


def test_observed_variance_is_the_diagonal_after_the_operator(cov, dense, tiny_system):
    H = OPERATORS["velocity"](tiny_system)
    seen = matrix(H, (3, 2, 8, 8))
    expected = torch.diagonal(seen @ dense @ seen.T).reshape(3, 4, 8, 8)
    found = cov.observed_variance(H.transfer()).expand(3, 4, 8, 8)
    # derivatives at the Nyquist row are not real fields: a small share of the variance on 8 cells
    torch.testing.assert_close(found, expected, rtol=0.01, atol=0)


def test_observed_variance_is_exact_without_nyquist_modes(cov, dense):
    ones = torch.ones(3, 2, 8, 5, dtype=torch.complex128)
    H = torch.kron(torch.eye(3), torch.kron(torch.ones(3, 2), torch.eye(64))).double()
    expected = torch.diagonal(H @ dense @ H.T).reshape(3, 3, 8, 8)
    found = cov.observed_variance(ones).expand(3, 3, 8, 8)
    torch.testing.assert_close(found, expected)


def test_scalar_multiple_and_first_step(cov, dense):
    x = torch.randn(2, 1, 2, 8, 8, generator=stream(0), dtype=torch.float64)
    first = dense[: 2 * 64, : 2 * 64]
    torch.testing.assert_close((cov.first() * 3.0)(x).flatten(1), 3 * x.flatten(1) @ first)


def test_conditioning_on_the_first_step_is_exact(cov, dense, tiny_prior):
    prior_mean = torch.randn(1, *tiny_prior.window, generator=stream(1), dtype=torch.float64)
    background = torch.randn(2, 8, 8, generator=stream(2), dtype=torch.float64)
    H = torch.eye(3 * 128, dtype=torch.float64)[:128]
    R = torch.full((128,), 0.04, dtype=torch.float64)
    mean, P = posterior(prior_mean.flatten(), dense, H, R, background.flatten())
    conditioning = cov.condition_on(HomogeneousObservation.of_first(background, 0.2, 3))
    found = conditioning.mean(prior_mean)
    torch.testing.assert_close(found.flatten(), mean)
    torch.testing.assert_close(matrix(conditioning.covariance, tiny_prior.window), P)


def test_samples_have_the_covariance(cov, dense, tiny_prior):
    noise = torch.randn(20_000, *tiny_prior.window, generator=stream(3), dtype=torch.float64)
    draws = cov.sample(noise).flatten(1)
    assert (draws.T @ draws / len(draws) - dense).norm() < 0.2 * dense.norm()
    ratio = draws.var(0) / torch.diagonal(dense)
    assert ratio.mean() == pytest.approx(1.0, abs=0.005)


def test_estimate_recovers_a_known_covariance_and_its_symmetries(cov, tiny_prior):
    noise = torch.randn(6000, *tiny_prior.window, generator=stream(4), dtype=torch.float64)
    found = estimate(cov.sample(noise), mirror=True)
    assert (found - cov.matrices).norm() < 0.05 * cov.matrices.norm()
    torch.testing.assert_close(found, found.mH)
    torch.testing.assert_close(found, torch.roll(found.flip(0), 1, 0))


def test_estimate_does_not_depend_on_the_batch(cov, tiny_prior):
    windows = torch.randn(10, *tiny_prior.window, generator=stream(5), dtype=torch.float64)
    torch.testing.assert_close(estimate(windows, batch=3), estimate(windows, batch=10))


GRIDS = [(1, 1), (1, 7), (1, 8), (5, 6), (6, 5), (2, 1), (3, 3)]


def homogeneous(grid: tuple[int, int]) -> SpectralCovariance:
    """A covariance estimated from few white windows: every C(k) is another full matrix."""
    window = (3, 2, *grid)
    noise = torch.randn(9, *window, generator=stream(grid), dtype=torch.float64)
    return SpectralCovariance(estimate(noise, floor=0.1), window)


def shifted_products(windows: torch.Tensor) -> torch.Tensor:
    """Mean of x x^T over samples and all periodic shifts: the estimate without any FFT."""
    ny, nx = windows.shape[-2:]
    rows = torch.cat([
        windows.roll((dy, dx), (-2, -1)).flatten(1) for dy in range(ny) for dx in range(nx)
    ])  # fmt: skip
    return rows.T @ rows / len(rows)


@pytest.mark.parametrize("grid", GRIDS)
def test_estimate_on_any_grid_averages_over_shifts(grid):
    noise = torch.randn(9, 3, 2, *grid, generator=stream(grid), dtype=torch.float64)
    expected = shifted_products(noise) + 0.1 * torch.eye(noise[0].numel(), dtype=torch.float64)
    torch.testing.assert_close(matrix(homogeneous(grid), (3, 2, *grid)), expected)


@pytest.mark.parametrize("grid", GRIDS)
def test_variances_on_any_grid_are_diagonals(grid):
    cov, cells = homogeneous(grid), math.prod(grid)
    C = matrix(cov, cov.window)
    found = cov.variance().expand(cov.window)
    torch.testing.assert_close(found.flatten(), torch.diagonal(C))
    total = torch.ones(1, 2, grid[0], grid[1] // 2 + 1, dtype=torch.complex128)
    H = torch.kron(torch.eye(3), torch.kron(torch.ones(1, 2), torch.eye(cells))).double()
    expected = torch.diagonal(H @ C @ H.T).reshape(3, 1, *grid)
    torch.testing.assert_close(cov.observed_variance(total).expand(3, 1, *grid), expected)


@pytest.mark.parametrize("grid", GRIDS)
def test_colouring_and_conditioning_are_exact_on_any_grid(grid):
    cov = homogeneous(grid)
    C = matrix(cov, cov.window)
    root = matrix(cov.sample, cov.window)
    torch.testing.assert_close(root @ root.T, C)
    first = C[: len(C) // 3, : len(C) // 3]
    torch.testing.assert_close(matrix(cov.first(), (1, *cov.window[1:])), first)
    m, b = (torch.randn(len(C), generator=stream(i), dtype=torch.float64) for i in range(2))
    H, R = torch.eye(len(C), dtype=torch.float64)[: len(first)], torch.full((len(first),), 0.04)
    mean, P = posterior(m, C, H, R.double(), b[: len(first)])
    background = b[: len(first)].reshape(cov.window[1:])
    conditioning = cov.condition_on(HomogeneousObservation.of_first(background, 0.2, cov.window[0]))
    found = conditioning.mean(m.reshape(1, *cov.window))
    torch.testing.assert_close(found.flatten(), mean)
    torch.testing.assert_close(matrix(conditioning.covariance, cov.window), P)
