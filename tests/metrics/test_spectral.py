"""Spectra, coverage and physics against exact answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import xarray as xr

from dalab.metrics.ensemble import coverage, rank_histogram
from dalab.metrics.physics import energy, enstrophy, residual_steps
from dalab.metrics.spectral import spectrum
from dalab.systems import SYSTEMS

DIMS = ("time", "lev", "y", "x")


def test_the_spectrum_sums_to_the_variance():
    x = np.arange(16) * 2 * np.pi / 16
    field = sum(a * np.cos(k * x + k) for k, a in ((1, 1.0), (3, 0.5), (6, 0.2)))
    both = xr.DataArray(field + 2 * field[::-1, None] + 7, dims=("y", "x"))
    found = spectrum(both)
    assert float(found.sum()) == pytest.approx(float(both.var()), rel=1e-12)
    assert found.sizes["wavenumber"] == 8


@pytest.mark.parametrize("rows", [1, 32])
def test_one_wave_stands_at_its_wavenumber(rows):
    x = np.arange(32) * 2 * np.pi / 32
    waves = np.stack([np.cos(5 * x), 3 * np.cos(5 * x + 1)])
    fields = xr.DataArray(np.tile(waves[:, None, None], (1, 1, rows, 1)), dims=DIMS)
    found = spectrum(fields)
    assert float(found.sel(wavenumber=5)) == pytest.approx((0.5 + 4.5) / 2)
    assert float(found.drop_sel(wavenumber=5).max()) < 1e-25


def test_draws_of_the_truths_distribution_cover_it_as_expected():
    draws = np.random.default_rng(0).normal(size=(10, 20, 2, 24, 24))
    ensemble = xr.DataArray(draws[1:], dims=("member", *DIMS))
    found = coverage(rank_histogram(ensemble, xr.DataArray(draws[0], dims=DIMS)))
    np.testing.assert_allclose(found["expected"], [0.2, 0.4, 0.6, 0.8])
    np.testing.assert_allclose(found, found["expected"], atol=0.015)


@pytest.mark.parametrize("K, spans", [(1, 0), (2, 1), (3, 1), (8, 4)])
def test_coverage_of_an_ensemble_far_from_the_truth_is_nothing(K, spans):
    ensemble = xr.DataArray(np.zeros((K, 2, 1, 3, 3)), dims=("member", *DIMS))
    found = coverage(rank_histogram(ensemble, xr.full_like(ensemble[0], 5.0)))
    assert found.shape == (spans,) and not found.any()


@pytest.mark.parametrize("name", ["qg64", "lorenz63", "lorenz96"])
def test_a_trajectory_has_no_residual_and_white_noise_has_much(name):
    system = SYSTEMS[name]()
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(2, *system.shape, generator=generator, dtype=torch.float64)
    if hasattr(system, "sample_climate"):
        start = system.sample_climate(2, generator)
    window = torch.stack([start, system.step(start), system.step(system.step(start))], dim=1)
    assert residual_steps(window, system).shape == (2,)
    torch.testing.assert_close(
        residual_steps(window, system), torch.zeros(2).double(), atol=1e-9, rtol=0
    )
    noise = torch.randn(window.shape, generator=generator, dtype=torch.float64)
    assert (residual_steps(noise, system) > 0.5).all()


def test_energy_and_enstrophy_of_one_barotropic_wave():
    system = SYSTEMS["qg64"]()
    model = system.model
    k = 2 * math.pi * 3 / model.L
    wave = torch.cos(k * model.grid.centres()).expand(2, 64, 64)
    amplitude = 2.0e4
    states = (-(k**2) * amplitude * wave / system.scale)[None]
    kinetic = (k * amplitude) ** 2 / 4
    assert float(energy(states, system)) == pytest.approx(kinetic, rel=1e-9)
    assert float(enstrophy(states, system)) == pytest.approx(k**2 * kinetic, rel=1e-9)


def test_potential_energy_of_a_wave_of_the_interface():
    system = SYSTEMS["qg64"]()
    layers, k = system.model.layers, 2 * math.pi * 2 / system.model.L
    psi = torch.stack([torch.cos(k * system.model.grid.centres()), torch.zeros(64)])
    psi = 1e4 * psi[:, None].expand(2, 64, 64)
    jump = psi[1] - psi[0]
    q = -(k**2) * psi + torch.stack([layers.F1 * jump, -layers.F2 * jump])
    upper = system.model.delta / (1 + system.model.delta)
    expected = upper * 1e8 / 4 * (k**2 + layers.F1)
    assert float(energy(q / system.scale, system)) == pytest.approx(expected, rel=1e-9)


def test_energy_of_the_lorenz_systems():
    for name, expected in (("lorenz63", (1 + 4 + 9) / 2), ("lorenz96", 8.0)):
        system = SYSTEMS[name]()
        q = torch.tensor([1.0, 2.0, 3.0])[:, None, None] if name == "lorenz63" else torch.full(
            (1, 1, 40), 4.0
        )
        assert float(energy(system.normalised(q.double()), system)) == pytest.approx(expected)
