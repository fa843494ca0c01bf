"""Surface quasi-geostrophic flow: inversion, exact solutions, symmetries, order, climate."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from dalab.errors import InputError
from dalab.fields import irfft, rfft
from dalab.metrics.physics import energy
from dalab.random import stream
from dalab.systems import SYSTEMS, SurfaceQG
from dalab.systems.library import load_states
from dalab.systems.surface_qg.solver import make_symbols


@pytest.fixture
def system() -> SurfaceQG:
    return SurfaceQG(size=16, dt=1800.0, diffusion=86400.0)


@pytest.fixture
def states(system) -> torch.Tensor:
    """Two random smooth states, normalised, float64."""
    k, l = system.solver.grid.wavenumbers()
    decay = torch.exp(-((k**2 + l**2) * (system.L / 20) ** 2) / 2)
    noise = torch.randn(2, 2, 16, 16, generator=stream(0), dtype=torch.float64)
    smooth = irfft(rfft(noise) * decay)
    return smooth / smooth.std((-2, -1), keepdim=True)


def symbols(system):
    """Factors of its spectra, float64."""
    return make_symbols(system.solver, torch.device("cpu"), torch.float64)


def test_the_temperature_of_the_streamfunction_is_that_it_was_inverted_from(system):
    """psi(z) = [psi_1 sinh(mu z / H) + psi_0 sinh(mu (H - z) / H)] / sinh mu; q is its slope."""
    solver = system.solver
    q = torch.randn(2, 16, 16, generator=stream(0), dtype=torch.float64)
    q -= q.mean((-2, -1), keepdim=True)
    psi = torch.einsum("ijlk,jlk->ilk", solver.inversion().to(torch.complex128), rfft(q))
    k, l = solver.grid.wavenumbers()
    mu = torch.sqrt(k**2 + l**2) * solver.stability * solver.H / solver.f
    slope = torch.stack([
        mu / torch.sinh(mu) * (psi[1] - torch.cosh(mu) * psi[0]),
        mu / torch.sinh(mu) * (torch.cosh(mu) * psi[1] - psi[0]),
    ]) / solver.H
    slope[:, 0, 0] = 0
    torch.testing.assert_close(irfft(slope), q, rtol=0, atol=1e-12)


def test_the_jet_in_equilibrium_is_steady_and_has_its_shear(system):
    solver = system.solver
    q = solver.equilibrium.expand(2, -1, -1)
    Q = rfft(q)
    assert solver.tendency(Q).abs().max() < 1e-12 * Q.abs().max()
    assert solver.advection(Q).abs().max() < 1e-16 * Q.abs().max()
    wind = solver.inversion() * -1j * solver.grid.wavenumbers()[1]
    u = irfft(torch.einsum("ijlk,jlk->ilk", wind, Q))
    angle = 2 * math.pi / solver.L * solver.grid.centres()
    torch.testing.assert_close(u[1, :, 0], -15 * torch.cos(angle), rtol=0, atol=1e-10)
    torch.testing.assert_close(u[0], -u[1], rtol=0, atol=1e-10)
    amplitude = q.max() / math.cos(math.pi / 16)
    assert amplitude == pytest.approx(9.6e3, rel=0.01) and amplitude * system.kelvin < 30


def test_waves_are_damped_by_the_published_factor(system):
    """Those of n/2 along x by exp(-dt / tau_h), the others with the eighth power of K."""
    damping = symbols(system).diffusion
    assert damping[0, 8] == pytest.approx(math.exp(-1800 / 86400), rel=1e-12)
    assert damping[0, 4] == pytest.approx(math.exp(-1800 / 86400 / 2**8), rel=1e-12)
    assert damping[0, 0] == 1


def test_the_advection_of_random_states_by_hand(system, states):
    """The Jacobian, on twice the grid, where no product is aliased."""
    solver = system.solver
    Q = rfft(states)
    Q[..., 8, :] = Q[..., 8] = 0
    psi = torch.einsum("ijlk,...jlk->...ilk", solver.inversion().to(torch.complex128), Q)
    k, l = solver.grid.wavenumbers()

    def fine(spectrum):
        wide = spectrum.new_zeros(*spectrum.shape[:-2], 32, 17)
        wide[..., :8, :8], wide[..., -7:, :8] = spectrum[..., :8, :8], spectrum[..., -7:, :8]
        return 4 * irfft(wide)

    jacobian = rfft(fine(1j * k * psi) * fine(1j * l * Q) - fine(1j * l * psi) * fine(1j * k * Q))
    kept = torch.cat([jacobian[..., :8, :8], jacobian[..., -7:, :8]], -2)
    expected = -system.advection * kept / 4
    found = solver.advection(Q)
    assert (found - expected).abs().max() < 1e-12 * expected.abs().max()


def test_advection_conserves_energy_and_the_variance_of_either_level(system, states):
    Q = rfft(states)
    Q[..., 8, :] = Q[..., 8] = 0
    part, change = system.solver.advection(Q), torch.zeros_like(Q)
    change[..., :8, :8], change[..., -7:, :8] = part[..., :8, :], part[..., 8:, :]
    psi = torch.einsum("ijlk,...jlk->...ilk", system.solver.inversion() + 0j, Q)
    q, psi, change = irfft(Q), irfft(psi), irfft(change)
    size = change.abs().max()
    assert (q * change).mean((-2, -1)).abs().max() < 1e-12 * size * q.abs().max()
    assert (psi * change).mean((-2, -1)).abs().max() < 1e-12 * size * psi.abs().max()


def test_the_energy_of_the_jet_by_hand():
    """u = 15 sinh(mu (z - H/2) / H) / sinh(mu/2) and the temperature that goes with it."""
    system = SurfaceQG(size=16, dt=1800.0, diffusion=86400.0)
    mu, H = 2 * math.pi / 20, system.height
    z = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000 - 0.5
    u = 15 * torch.sinh(mu * z) / math.sinh(mu / 2)
    l = 2 * math.pi / system.L
    b = 15 * mu / (l * H) * torch.cosh(mu * z) / math.sinh(mu / 2)  # d(psi)/dz
    by_hand = (u**2 + (system.f / system.stability * b) ** 2).mean() / 4
    q = system.solver.equilibrium.expand(2, -1, -1) * system.kelvin
    assert energy(system.normalised(q), system) == pytest.approx(float(by_hand), rel=1e-6)


def test_stronger_advection_is_a_stronger_jet_shown_smaller(system, states):
    strong = SurfaceQG(size=16, dt=1800.0, diffusion=86400.0, advection=1.0, shear=67.5)
    expected = strong.step(2.25 * states, 2) / 2.25
    torch.testing.assert_close(system.step(states, 2), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("image", list(itertools.product([0, 3], *3 * [[False, True]])))
def test_symmetries_are_exact(system, states, image):
    moved = system.moved(states, *image)
    expected = system.moved(system.step(states), *image)
    torch.testing.assert_close(system.step(moved), expected, rtol=0, atol=1e-13)
    if image == (0, True, False, False):
        assert system.mirror_symmetric and torch.equal(moved, -states.flip(-2))


def test_the_scheme_is_of_fourth_order(states):
    """Halving dt divides the error by 16, without hyperdiffusion, which is split off."""

    def after(dt):
        system = SurfaceQG(size=16, dt=dt, diffusion=1e9)
        return system.step(0.2 * states)

    exact = after(10800 / 64)
    errors = [float((after(10800 / parts) - exact).abs().max()) for parts in (2, 4, 8)]
    assert 14 < errors[0] / errors[1] < 18 and 15 < errors[1] / errors[2] < 17


def test_members_do_not_depend_on_each_other_and_an_interval_on_its_parts(system, states):
    both = system.trajectory(states, 3)
    torch.testing.assert_close(both[0], system.trajectory(states[0], 3), rtol=0, atol=1e-13)
    torch.testing.assert_close(both[:, 2], system.step(system.step(states)), rtol=0, atol=1e-13)
    following = system.integrate(states)
    for time in (1, 2):
        torch.testing.assert_close(next(following), both[:, time], rtol=0, atol=1e-13)


def test_it_is_differentiable(system, states):
    x = states[0].clone().requires_grad_()
    direction = states[1]
    (slope,) = torch.autograd.grad((system.step(x) * direction).sum(), x)
    with torch.no_grad():
        h = 1e-6
        numeric = (system.step(x + h * direction) - system.step(x - h * direction)) / (2 * h)
    assert (slope * direction).sum() == pytest.approx(float((numeric * direction).sum()), rel=1e-7)


def test_single_precision_follows(system, states):
    torch.testing.assert_close(
        system.step(states.float()).double(), system.step(states), rtol=0, atol=1e-5
    )


def test_time_steps_of_the_grids():
    found = [SYSTEMS.make(f"sqg64:size={n}").solver for n in (96, 128, 192, 256)]
    assert [(s.dt, s.diffusion) for s in found] == [
        (900, 28800), (600, 28800), (300, 10800), (90, 5400)
    ]
    assert SYSTEMS.make("sqg64").steps_per_interval == 9
    for text, said in [
        ("sqg64:size=32", "must be one of 64, 96, 128, 192, 256 without dt and diffusion"),
        ("sqg64:dt=7000", "must divide the interval"),
        ("sqg64:size=65,dt=600,diffusion=1e4", "must be even"),
    ]:
        with pytest.raises(InputError, match=said):
            SYSTEMS.make(text)


def test_initial_states_are_noise_and_a_blob_on_the_upper_level():
    system = SYSTEMS.make("sqg64")
    q = system.initial_states(3, seed=0) * system.scale.float() / system.kelvin
    assert q.mean((-2, -1)).abs().max() < 1e-3
    assert q[:, 0].std() == pytest.approx(100, rel=0.03)
    assert 1800 < q[:, 1].max() < 2400
    torch.testing.assert_close(system.initial_states(2, 0), system.initial_states(3, 0)[:2])


def test_bundled_states_are_of_the_published_climate():
    """Standard deviation 8.14 K, cyclones and jets that blow one way up and the other way down."""
    system = SYSTEMS.make("sqg64")
    states = load_states("sqg64").double()
    assert states.pow(2).mean().sqrt() == pytest.approx(1, abs=0.05)
    assert states.mean((-2, -1)).abs().max() < 1e-3
    wind = system.quantities["eastward wind"](system, states.numpy()).mean((0, -1))
    assert wind[1, 28:36].mean() > 2 and wind[0, 28:36].mean() < -2


def test_draws_of_the_climate_differ_and_stay_in_it():
    system = SYSTEMS.make("sqg64")
    a, b = system.sample_climate(2, stream(0))
    assert (a - b).pow(2).mean() > 0.5
    assert 0.8 < a.pow(2).mean().sqrt() < 1.2
    window = system.sample_window(3, stream)
    torch.testing.assert_close(window[2], system.step(window[1]), rtol=0, atol=1e-9)


def test_a_changed_flow_starts_from_states_of_the_plain_one_that_adjust(monkeypatch):
    monkeypatch.setattr("dalab.systems.surface_qg.system.ADJUSTMENT", 10800.0)
    system = SYSTEMS.make("sqg64:size=32,dt=1800,diffusion=172800,shear=10")
    assert system.name == "sqg64:size=32,dt=1800,diffusion=172800,shear=10"
    states = system.library_states()
    assert states.shape == (4, 2, 32, 32) and states is system.library_states()
    plain = load_states("sqg64")[::16, :, ::2, ::2].double()
    assert torch.corrcoef(torch.stack([states.flatten(), plain.flatten()]))[0, 1] > 0.8
    assert system.draw_images(3, stream(0)).shape == (3, 2, 32, 32)


@pytest.mark.slow
def test_the_climate_holds_its_standard_deviation():
    """Over ten days from bundled states it is that of the climate, to 10 %: eight states vary."""
    following = SYSTEMS.make("sqg64").integrate(load_states("sqg64")[::8])
    squares = [next(following).pow(2).mean() for _ in range(80)]
    assert torch.stack(squares[40:]).mean().sqrt() == pytest.approx(1, abs=0.1)
