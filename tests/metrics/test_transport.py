"""Wasserstein distances: closed forms, any sizes, and what they do not depend on."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.metrics.transport import DIMENSIONS, LARGEST, directions, sliced_w2, spaced, w2


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_gaussians_on_a_line_are_at_the_distance_of_the_closed_form():
    """W2^2 = (m - m')^2 + (s - s')^2, from quantiles, which have no sampling error but the grid."""
    at = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    x = torch.special.ndtri(at)[None, :, None]
    found = w2(x[:, ::4], 0.7 + 2.5 * x)
    assert found.item() == pytest.approx(math.hypot(0.7, 1.5), rel=5e-3)


def test_gaussians_in_two_dimensions_are_at_the_distance_of_the_closed_form():
    """W2^2 = |m - m'|^2 + tr(S + S' - 2 (S^1/2 S' S^1/2)^1/2) of the samples themselves.

    One ensemble is an affine map of the other with a symmetric positive matrix A, the optimal one:
    W2^2 = mean |x - A x - b|^2 exactly.
    """
    x = normal(1, 300, 2)
    A, b = torch.tensor([[1.5, 0.3], [0.3, 0.8]], dtype=torch.float64), torch.tensor([1.0, -2.0])
    y = x @ A + b
    exact = (x - y).square().sum(-1).mean().sqrt()
    shuffled = y[:, torch.randperm(300, generator=torch.Generator().manual_seed(1))]
    assert w2(x, shuffled).item() == pytest.approx(exact.item(), rel=1e-9)


def test_samples_of_gaussians_come_near_the_closed_form():
    x, y = normal(1, 400, 2), 3 * normal(1, 400, 2, seed=1) + torch.tensor([4.0, 0.0])
    assert w2(x, y).item() == pytest.approx(math.sqrt(16 + 2 * 2**2), rel=0.05)


def test_equal_ensembles_are_at_distance_zero_whatever_their_order():
    x = normal(2, 50, 3)
    y = x.flip(1)
    assert torch.allclose(w2(x, y), torch.zeros(2, dtype=torch.float64), atol=1e-7)
    assert torch.allclose(sliced_w2(x, y), torch.zeros(2, dtype=torch.float64), atol=1e-7)


def test_copies_of_all_members_change_nothing():
    x, y = normal(2, 20, 2), normal(2, 60, 2, seed=1)
    whole = w2(x.repeat_interleave(3, 1), y)
    assert torch.allclose(w2(x, y), whole)
    assert torch.allclose(sliced_w2(x, y), sliced_w2(x.repeat_interleave(6, 1), y))


def test_a_single_member_is_at_the_root_mean_square_distance():
    x, y = normal(2, 1, 3), normal(2, 30, 3, seed=1)
    exact = (x - y).square().sum(-1).mean(1).sqrt()
    assert torch.allclose(w2(x, y), exact)


def test_the_sliced_distance_of_a_shift_is_the_shift_over_the_root_of_the_dimension():
    x, shift = normal(1, 40, 3), torch.tensor([3.0, 0.0, 0.0], dtype=torch.float64)
    exact = (directions(3)[0] * 3.0).square().mean().sqrt()
    assert sliced_w2(x, x + shift).item() == pytest.approx(exact.item())
    assert exact.item() == pytest.approx(3 / math.sqrt(3), rel=0.1)


def test_sizes_without_a_common_multiple_take_all_members_on_a_line():
    x = torch.tensor([[[0.0], [1.0]]])
    y = torch.tensor([[[0.0], [0.0], [3.0]]])
    # the quantile functions differ by 0, 1 and 2 on intervals of length 1/2, 1/6 and 1/3
    assert w2(x, y).item() == pytest.approx(math.sqrt(1 / 6 + 4 / 3))


def test_what_is_too_large_or_not_finite_has_no_distance():
    x, y = normal(2, 10, 2), normal(2, 20, 2, seed=1)
    x[1, 3, 0] = math.nan
    assert w2(x, y).isfinite().tolist() == [True, False]
    assert sliced_w2(x, y).isfinite().tolist() == [True, False]
    wide, long = torch.zeros(1, 2, DIMENSIONS + 1), torch.zeros(1, LARGEST + 1, 2)
    assert w2(wide, wide).isnan().all() and w2(long, long).isnan().all()
    assert sliced_w2(wide, wide).item() == sliced_w2(long, long).item() == 0


def test_members_are_taken_at_equal_distances():
    members = torch.arange(10)[None]
    assert spaced(members, 4).tolist() == [[0, 2, 5, 7]]
    assert spaced(members, 20) is members
