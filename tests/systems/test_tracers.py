"""Drifting tracers: the flow that carries them, its map, and its climate."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.random import stream
from dalab.systems import SYSTEMS
from dalab.systems.conditional_gaussian.base import apply
from dalab.systems.conditional_gaussian.tracers import Tracers, modes
from dalab.systems.quantities import FlowWithTracers


def on_the_map(system: Tracers) -> torch.Tensor:
    """Tracers in the centres of the cells of the map, those of a row in a state, ``(n, 1, 2n)``."""
    n = system.map_shape[0]
    centres = (torch.arange(n, dtype=torch.float64) + 0.5) * (2 * math.pi / n)
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([x, y], -1).reshape(n, 1, 2 * n)


def velocity(k: torch.Tensor, parts: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Sum over modes of Re[(a + ib) exp(i k x)] k_perp / |k|, mode by mode, ``(..., 2)``."""
    found = torch.zeros_like(places)
    for (kx, ky), (a, b) in zip(k.tolist(), parts.unflatten(-1, (-1, 2)), strict=True):
        phase = kx * places[..., 0] + ky * places[..., 1]
        wave = (torch.complex(a, b) * torch.exp(1j * phase)).real / math.hypot(kx, ky)
        found = found + torch.stack([-ky * wave, kx * wave], -1)
    return found


def test_modes_are_half_of_those_of_the_flow():
    for K, count in ((1, 2), (2, 6), (3, 14), (4, 24)):
        k = modes(K)
        assert k.shape == (count, 2) and k.norm(dim=-1).max() <= K
        both = torch.cat([k, -k]).tolist()
        assert len({tuple(one) for one in both}) == 2 * count


def test_tracers_move_with_the_flow():
    system = SYSTEMS.make("tracers:count=7")
    x = system.physical(system.sample_climate(3, stream(0)))
    u, v = system.split(x)
    moved = (system.advance_once(u, v)[0] - u)[:, 0].unflatten(-1, (7, 2)) / system.dt
    places = u[:, 0].unflatten(-1, (7, 2))
    for one, parts, drift in zip(places, v[:, 0], moved, strict=True):
        torch.testing.assert_close(drift, velocity(modes(3), parts, one))


def test_the_map_is_the_vorticity_of_an_incompressible_flow():
    """Spectral derivatives of the velocity in the cells of the map, which is 64 x 64."""
    system = SYSTEMS.make("tracers:count=64")
    assert isinstance(system, FlowWithTracers)
    x = system.sample_climate(1, stream(0))
    v = system.split(system.physical(x))[1]
    drift = apply(system.coefficients(on_the_map(system)).H, v) / system.dt
    ux, uy = drift.reshape(64, 64, 2).unbind(-1)
    k = torch.fft.fftfreq(64, 1 / 64, dtype=torch.float64)

    def derivative(field: torch.Tensor, dim: int) -> torch.Tensor:
        shape = (1, 64) if dim == 1 else (64, 1)
        return torch.fft.ifft(1j * k.reshape(shape) * torch.fft.fft(field, dim=dim), dim=dim).real

    assert (derivative(ux, 1) + derivative(uy, 0)).abs().max() < 1e-12
    vorticity = derivative(uy, 1) - derivative(ux, 0)
    found = system.flow_map(x)
    assert found.shape == (1, 64, 64) and found.std() > 0.1
    torch.testing.assert_close(found[0], vorticity)


def test_positions_are_on_the_torus():
    system = SYSTEMS.make("tracers:count=2")
    x = torch.zeros(2, *system.shape, dtype=torch.float64)
    x[1, :4, 0, 0] = torch.tensor([4.5, -0.5, 0.0, 1.0]) * 2 * math.pi
    x[1] = system.normalised(x[1])
    found = system.tracer_positions(x)
    assert found.shape == (2, 2, 2)
    torch.testing.assert_close(found[0], torch.full((2, 2), 0.5).to(x))
    torch.testing.assert_close(found[1].remainder(1), torch.tensor([[0.5, 0.5], [0, 0]]).to(x))


def test_the_climate_of_the_flow_is_exact_and_stays():
    """Modes are standard normal before and after, and the mean square speed is one."""
    system = SYSTEMS.make("tracers:count=1,beta=3")
    x = system.sample_climate(4000, stream(0))
    for states in (x, system.step(x, 20, stream(1))):
        hidden = states[:, 2:, 0, 0]
        assert (hidden.mean(0)).abs().max() < 0.06
        assert (hidden.T @ hidden / 4000 - torch.eye(28)).abs().max() < 0.09
    assert x[:, :2].std() == pytest.approx(1, abs=0.02)
    assert system.amplitudes().square().sum() == pytest.approx(1)
    drift = (system.advance(system.physical(x), 1) - system.physical(x))[:, :2] / system.dt
    assert drift.square().sum(1).mean() == pytest.approx(1, abs=0.05)


def test_modes_turn_with_the_frequency_of_rossby_waves():
    """Lag covariance exp(-d t) exp(-i omega t) with omega = -beta k_x / |k|^2."""
    system = SYSTEMS.make("tracers:count=1,K=1,beta=2")
    x = torch.zeros(1, *system.shape, dtype=torch.float64)
    x[:, 2::2] = 1.0
    later = system.step(x, 10)[0, 2:, 0, 0].unflatten(-1, (-1, 2))
    omega = -2 * modes(1)[:, 0] / modes(1).square().sum(-1)
    expected = math.exp(-0.5 * 0.2) * torch.exp(-1j * omega * 0.2)
    torch.testing.assert_close(torch.view_as_complex(later), expected)
