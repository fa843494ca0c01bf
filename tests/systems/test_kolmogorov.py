"""Kolmogorov flow: exact solutions, budgets, the order of the scheme, initial fields."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dalab.errors import InputError
from dalab.fields import irfft, rfft
from dalab.metrics.physics import energy, enstrophy
from dalab.random import stream
from dalab.systems import SYSTEMS, Kolmogorov
from dalab.systems.kolmogorov.solver import initial_velocity


@pytest.fixture
def system() -> Kolmogorov:
    return Kolmogorov(size=32)


@pytest.fixture
def fields(system) -> torch.Tensor:
    """Two developed velocities, float64."""
    return system.advance(initial_velocity(system.solver, 2, stream(0)), 50)


def points(system: Kolmogorov) -> tuple[torch.Tensor, torch.Tensor]:
    """Coordinates of the cells, x and y."""
    centres = system.solver.grid.centres()
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return x, y


def shear(system: Kolmogorov, m: int) -> torch.Tensor:
    """The flow along x that is the wave m in y."""
    wave = torch.sin(m * points(system)[1])
    return torch.stack([wave, torch.zeros_like(wave)])


def divergence(u: torch.Tensor) -> torch.Tensor:
    """Divergence of velocities ``(..., 2, n, n)`` by another transform than the solver's."""
    n = u.shape[-1]
    k = torch.fft.fftfreq(n, 1 / n, dtype=u.dtype)
    s = torch.fft.fft2(u)
    return torch.fft.ifft2(1j * k * s[..., 0, :, :] + 1j * k[:, None] * s[..., 1, :, :]).real


@pytest.mark.parametrize("k, l", [(1, 0), (0, 3), (2, 3), (9, 1), (10, 10)])
def test_a_single_wave_decays_at_its_exact_rate(k, l):
    """It carries itself along its crests, where nothing changes."""
    system = Kolmogorov(size=32, reynolds=20.0, forcing=0.0)
    x, y = points(system)
    phase = k * x + l * y + 0.3
    u = torch.stack([-l * torch.sin(phase), k * torch.sin(phase)])
    decay = math.exp(-((k**2 + l**2) / 20 + 0.1) * 8 * system.solver.dt)
    torch.testing.assert_close(system.advance(u, 8), decay * u, rtol=0, atol=1e-12)


def test_the_laminar_flow_is_steady():
    """u_x = sin(4y) / (16 nu + 0.1), which is 8.62 sin(4y) at Re = 1000."""
    system = Kolmogorov()
    u = shear(system, 4) / 0.116
    assert system.forcing == 1 and 1 / 0.116 == pytest.approx(8.62, abs=0.005)
    assert (system.advance(u, 10) - u).abs().max() < 1e-8


def test_flow_from_rest_approaches_the_laminar_one_at_its_exact_rate():
    system = Kolmogorov(size=32, reynolds=20.0)
    rate = 16 / 20 + 0.1
    expected = (1 - math.exp(-rate * 0.2)) / rate * shear(system, 4)
    found = system.advance(torch.zeros(2, 32, 32).double(), system.steps_per_interval)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_the_advection_of_two_waves_by_hand():
    """The vorticity obeys -u . grad w, in physical space."""
    system = Kolmogorov(size=32, forcing=0.0)
    x, y = points(system)
    # psi = sin(2x + y) + cos(3y): u_x = -d psi/dy, u_y = d psi/dx, w = lap psi
    ux = -torch.cos(2 * x + y) + 3 * torch.sin(3 * y)
    uy = 2 * torch.cos(2 * x + y)
    w = -5 * torch.sin(2 * x + y) - 9 * torch.cos(3 * y)
    wx = -10 * torch.cos(2 * x + y)
    wy = -5 * torch.cos(2 * x + y) + 27 * torch.sin(3 * y)
    found = irfft(system.solver.tendency(rfft(w)))
    torch.testing.assert_close(found, -ux * wx - uy * wy, rtol=0, atol=1e-10)
    torch.testing.assert_close(system.solver.velocity(rfft(w)), torch.stack([ux, uy]))


def test_products_of_short_waves_are_not_aliased():
    """Waves 9 and 10 along x make 19, which would appear as 13 on 32 cells, and 1."""
    system = Kolmogorov(size=32, forcing=0.0)
    x, y = points(system)
    w = torch.cos(9 * x + y) + torch.cos(10 * x - 2 * y)
    made = system.solver.tendency(rfft(w)).abs()
    assert made[:, 11:].max() == 0 and made[:, 1].max() > 1 and made[11:22].max() == 0


def test_states_have_no_divergence_whatever_they_come_from(system, fields):
    noise = torch.randn(2, 2, 32, 32, generator=stream(1))
    assert divergence(noise).abs().max() > 10
    for u in (system.advance(noise, 1), fields.float(), system.advance(fields.float(), 3)):
        assert divergence(u).abs().max() < 1e-5
        assert u.mean((-2, -1)).abs().max() < 1e-6


def test_initial_fields():
    """Speed 3 at most, no divergence, no mean, and the spectrum that was drawn from."""
    system = Kolmogorov()
    u = initial_velocity(system.solver, 20, stream(0))
    assert u.norm(dim=1).amax((-2, -1)).tolist() == pytest.approx([3] * 20, rel=1e-12)
    assert divergence(u).abs().max() < 1e-12 and u.mean((-2, -1)).abs().max() < 1e-12
    power = torch.fft.fft2(u).abs().square().sum((0, 1))
    k = torch.fft.fftfreq(64, 1 / 64)
    shell = torch.hypot(k[:, None], k).round()
    found = torch.tensor([float(power[shell == K].mean()) for K in (2, 4, 8)])
    amplitude = [
        math.exp(-((math.log(4) + 0.25 - math.log(K)) ** 2) / 0.5) / K**2 for K in (2, 4, 8)
    ]
    torch.testing.assert_close(
        (found / found[1]).sqrt(), torch.tensor(amplitude) / amplitude[1], rtol=0.2, atol=0
    )


def test_the_budget_of_energy(system, fields):
    """dE/dt = <u_x sin 4y> - 2 nu Z - 2 drag E over short steps; advection does no work."""
    short = Kolmogorov(size=32, interval=1e-3, courant=0.01)
    step = short.solver.dt
    before, middle, after = fields, short.advance(fields, 1), short.advance(fields, 2)
    E, Z = (part(short.normalised(middle), short) for part in (energy, enstrophy))
    power = (middle[:, 0] * torch.sin(4 * points(short)[1])).mean((-2, -1))
    gain = energy(short.normalised(after), short) - energy(short.normalised(before), short)
    torch.testing.assert_close(gain / (2 * step), power - 2e-3 * Z - 0.2 * E, rtol=1e-6, atol=1e-6)


def test_the_budget_without_force_or_friction():
    """Energy and enstrophy are kept but for the error of the scheme, of fourth order."""
    drifts = []
    for courant in (0.8, 0.4):
        free = Kolmogorov(size=32, reynolds=1e9, drag=0.0, forcing=0.0, courant=courant)
        u = free.advance(initial_velocity(free.solver, 2, stream(2)), 1)
        x, y = (free.normalised(v) for v in (u, free.advance(u, free.steps_per_interval)))
        drifts.append([float((part(y, free) / part(x, free) - 1).abs().max())
                       for part in (energy, enstrophy)])
    assert max(drifts[1]) < 1e-4
    assert all(coarse > 14 * fine for coarse, fine in zip(*drifts, strict=True)), drifts


def test_the_scheme_is_of_fourth_order(fields):
    fine, *coarse = (
        Kolmogorov(size=32, courant=courant) for courant in (0.02, 0.8, 0.4, 0.2)
    )
    reference = fine.advance(fields, fine.steps_per_interval)
    errors = [float((s.advance(fields, s.steps_per_interval) - reference).norm()) for s in coarse]
    steps = [s.steps_per_interval for s in coarse]
    orders = [
        math.log(errors[i] / errors[i + 1]) / math.log(steps[i + 1] / steps[i]) for i in (0, 1)
    ]
    assert orders == pytest.approx([4, 4], abs=0.3), errors


def test_precisions_and_batches(system, fields):
    x = system.normalised(fields)
    ahead = system.step(x)
    assert system.step(x.float()).dtype == torch.float32
    torch.testing.assert_close(system.step(x.float()).double(), ahead, rtol=0, atol=1e-5)
    torch.testing.assert_close(system.step(x[1]), ahead[1], rtol=0, atol=1e-12)
    torch.testing.assert_close(system.step(x.expand(3, 2, *system.shape))[2], ahead)


def test_gradients():
    small = Kolmogorov(size=8, wavenumber=2, interval=0.05)
    x = torch.randn(2, *small.shape, generator=stream(4), dtype=torch.float64)
    assert torch.autograd.gradcheck(small.step, (x.requires_grad_(),))


def test_symmetries(system, fields):
    """Shifts along x and by a wave of the force along y; turns by half a circle."""
    x = system.normalised(fields)
    ahead = system.step(x)
    torch.testing.assert_close(system.step(x.roll((8, 5), (-2, -1))), ahead.roll((8, 5), (-2, -1)))
    torch.testing.assert_close(system.step(-x.flip((-2, -1))), -ahead.flip((-2, -1)))


@pytest.mark.parametrize("size, steps", [(64, 21), (128, 41), (256, 82), (512, 163)])
def test_the_grids_and_time_steps_of_the_paper(size, steps):
    system = SYSTEMS.make(f"kolmogorov:size={size}")
    assert system.shape == (2, size, size) and system.steps_per_interval == steps
    assert system.name == ("kolmogorov" if size == 64 else f"kolmogorov:size={size}")
    assert (system.reynolds, system.drag, system.wavenumber) == (1000, 0.1, 4)
    assert system.interval == 0.2 and system.spinup == 50


def test_fields_shown():
    system = SYSTEMS.make("kolmogorov:size=32")
    u = system.advance(initial_velocity(system.solver, 1, stream(0)), 1)
    shown = {
        name: q(system, system.normalised(u).numpy()) for name, q in system.quantities.items()
    }
    assert list(shown) == ["vorticity", "velocity", "speed"]
    w = irfft(system.solver.vorticity(u)).numpy()
    for component in (0, 1):
        np.testing.assert_allclose(shown["vorticity"][:, component], w, atol=1e-12)
        np.testing.assert_allclose(shown["speed"][:, component], u.norm(dim=1).numpy())
    np.testing.assert_allclose(shown["velocity"], u.numpy())
    assert enstrophy(system.normalised(u), system) == pytest.approx((w**2).mean() / 2)


@pytest.mark.parametrize("text, words", [
    ("size=63", "size = 63: must be even. Use 64"), ("size=4", "size = .*4"),
    ("size=32,wavenumber=11", "wavenumber = 11: must be below a third of the 32 cells"),
    ("reynolds=0", "reynolds"), ("courant=1", "courant"), ("drag=-0.1", "drag"),
])
def test_parameters_that_will_not_do_are_refused(text, words):
    with pytest.raises(InputError, match=words):
        SYSTEMS.make(f"kolmogorov:{text}")


@pytest.mark.slow
def test_the_climate_is_normalised():
    system = SYSTEMS.make("kolmogorov")
    x = system.sample_climate(100, stream(0))
    assert x.mean((-2, -1)).abs().max() < 1e-6
    assert x.std((0, 2, 3)).tolist() == pytest.approx([1, 1], abs=0.04)
    later = system.step(x.float(), 100)
    assert later.std((0, 2, 3)).tolist() == pytest.approx([1, 1], abs=0.04)
