"""Spectral operators against fields whose derivatives are known, and their adjoints."""

import math

import pytest
import torch

from dalab.errors import InputError
from dalab.fields import Grid, Layers, irfft, relative_vorticity, rfft, velocity

LAYERS = Layers.from_radius(15000.0, 0.25)


@pytest.fixture
def grid():
    return Grid(32, 1.0e6)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_stretching_coefficients():
    assert LAYERS.F1 == pytest.approx(3.5555556e-9, rel=1e-7)
    assert LAYERS.F2 == pytest.approx(8.8888889e-10, rel=1e-7)


def test_transforms_are_inverse():
    field = random(3, 2, 16, 16)
    torch.testing.assert_close(irfft(rfft(field)), field, rtol=0, atol=1e-14)


def test_barotropic_inversion(grid):
    k, l = 2 * math.pi / grid.L * 3, 2 * math.pi / grid.L * 2
    x = y = grid.centres()
    q = torch.cos(k * x)[None, :] + torch.sin(l * y)[:, None]
    ph = LAYERS.streamfunction(rfft(torch.stack([q, q])), grid)
    u, v = (irfft(h) for h in velocity(ph, grid))
    expected_u = (torch.cos(l * y) / l)[:, None].expand(2, 32, 32)
    expected_v = (torch.sin(k * x) / k)[None, :].expand(2, 32, 32)
    torch.testing.assert_close(u * l, expected_u * l, rtol=0, atol=1e-13)
    torch.testing.assert_close(v * k, expected_v * k, rtol=0, atol=1e-13)


def test_inversion_inverts_the_definition_of_pv(grid):
    ph = rfft(random(2, 32, 32))
    ph[..., 0, 0] = 0
    stretching = torch.tensor([LAYERS.F1, LAYERS.F2], dtype=torch.float64)[:, None, None]
    qh = relative_vorticity(ph, grid) + stretching * (ph.flip(0) - ph)
    torch.testing.assert_close(LAYERS.streamfunction(qh, grid), ph, rtol=1e-9, atol=1e-9)


def test_the_domain_mean_has_no_streamfunction(grid):
    ph = LAYERS.streamfunction(rfft(torch.ones(2, 32, 32, dtype=torch.float64)), grid)
    assert ph.abs().max() == 0


def test_inversion_is_symmetric_under_the_layer_depths(grid):
    depths = torch.tensor([0.2, 0.8], dtype=torch.float64)[:, None, None]
    p, q = random(2, 32, 32, seed=1), random(2, 32, 32, seed=2)

    def psi(field):
        return irfft(LAYERS.streamfunction(rfft(field), grid))

    torch.testing.assert_close((depths * p * psi(q)).sum(), (depths * psi(p) * q).sum())


def test_derivatives_are_antisymmetric(grid):
    p, q = random(32, 32, seed=1), random(32, 32, seed=2)
    for component in (0, 1):
        there = (p * irfft(velocity(rfft(q), grid)[component])).sum()
        back = (q * irfft(velocity(rfft(p), grid)[component])).sum()
        torch.testing.assert_close(there, -back)


def test_velocity_has_no_divergence(grid):
    k, l = grid.wavenumbers()
    uh, vh = velocity(rfft(random(32, 32)), grid)
    assert (k * uh + l * vh).abs().max() < 1e-12 * (k * uh).abs().max()


def test_wavenumbers_follow_a_tensor(grid):
    k, l = grid.wavenumbers(like=torch.zeros(1, dtype=torch.complex64))
    assert k.dtype == l.dtype == torch.float32
    assert (k.shape, l.shape) == ((17,), (32, 1))


@pytest.mark.parametrize("n", [3, 2, 33, 0, -4])
def test_odd_or_tiny_grids_are_refused(n):
    with pytest.raises(InputError, match=f"grid size n = {n}: must be even and at least 4"):
        Grid(n)


@pytest.mark.parametrize("L", [0.0, -1.0, float("nan")])
def test_lengths_have_to_be_positive(L):
    with pytest.raises(InputError, match="domain length L"):
        Grid(64, L)
