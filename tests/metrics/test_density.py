"""Kernel estimates of densities of one variable."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.special import ndtri

from dalab.metrics.density import NARROWEST, adapted_grid, bandwidth, kernel_density

NORMAL = np.random.default_rng(0).normal(size=4000)


def test_the_estimate_of_normal_quantiles_is_near_the_normal_density():
    """Without sampling error there is only the bias, h^2 / 2 times the curvature."""
    members, grid = ndtri((np.arange(4000) + 0.5) / 4000), np.linspace(-3, 3, 61)
    exact = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    h = bandwidth(members)
    assert np.abs(kernel_density(members, grid) - exact).max() < 1.05 * 0.4 * h**2 / 2


def test_a_density_integrates_to_one_on_its_grid():
    for members in (NORMAL, 0.05 * NORMAL[:50] + 1, np.concatenate([NORMAL - 5, NORMAL + 5]) / 3):
        grid = adapted_grid(members)
        assert trapezoid(kernel_density(members, grid), grid) == pytest.approx(1, abs=0.01)


def test_members_that_are_all_the_same_have_a_sharp_density():
    members = np.full(20, 0.3)
    assert bandwidth(members) == NARROWEST
    assert np.isfinite(kernel_density(members, adapted_grid(members))).all()
    assert bandwidth(np.r_[np.zeros(15), 1.0]) > NARROWEST, "half of them at one value only"


def test_the_grid_is_in_order_and_holds_climate_and_members():
    grid = adapted_grid(0.01 * NORMAL + 2)
    assert (np.diff(grid) > 0).all() and grid[0] == -8 and grid[-1] == 8
    assert (np.abs(grid - 2) < 0.05).sum() > 100
