"""Conditional Gaussian systems: their equations, energies and climates."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.errors import InputError
from dalab.random import stream
from dalab.systems import SYSTEMS
from dalab.systems.conditional_gaussian.base import ConditionalGaussian, Gaussian, constant

LARGE = {"lorenz96-hidden": 40, "lorenz96-two-layer": 40, "fitzhugh-nagumo": 100}
"""States that are drawn of climates with many cells."""

NAMES = [name for name in SYSTEMS if isinstance(SYSTEMS[name](), ConditionalGaussian)]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=stream(seed), dtype=torch.float64)


def dyad(q):
    x, y = q
    return [-0.5 * x + 2 * x * y + 0.5, -0.5 * y - 2 * x**2 + 1]


def spekf(q):
    u, gamma = q
    return [1 - gamma * u, 2.2 - gamma]


def lorenz63(q):
    x, y, z = q
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def lorenz84(q):
    y, z, x = q
    return [-4 * x * z + x * y - y + 1, 4 * x * y + x * z - z, -(y**2) - z**2 - x / 4 + 2]


def triad(q):
    x, y, z = q
    return [0.2 * x + 5 * x * y + 5 * y * z, -0.3 * y - 5 * x**2 + 10 * x * z,
            -0.5 * z - 15 * x * y]  # fmt: skip


def lorenz96(q):
    u = torch.stack(list(q), -1).flatten(-2)  # sites in their order
    slope = (u.roll(-1, -1) - u.roll(2, -1)) * u.roll(1, -1) - u + 8
    return slope.unflatten(-1, (-1, 3)).unbind(-1)


def two_layer(q):
    u, v = q[0], q[1:]
    cosine = torch.cos(2 * math.pi * torch.arange(40, dtype=torch.float64) / 40)
    gamma, damping = 0.1 + 0.25 * cosine, (0.2, 0.5, 1.0, 2.0, 5.0)
    slope = u.roll(1, -1) * (u.roll(-1, -1) - u.roll(2, -1)) - (1 + 0.7 * cosine) * u + 8
    return [slope + gamma * u * sum(v),
            *(-d * one - gamma * u**2 for d, one in zip(damping, v, strict=True))]  # fmt: skip


def fitzhugh_nagumo(q):
    u, v = q
    diffused = 0.5 * (u.roll(1, -1) + u.roll(-1, -1) - 2 * u)
    return [(diffused + u - u**3 / 3 - v) / 0.01, u + 1.05]


EQUATIONS = {
    "dyad": dyad, "spekf": spekf, "lorenz63-noisy": lorenz63, "lorenz84-noisy": lorenz84,
    "triad": triad, "lorenz96-hidden": lorenz96, "lorenz96-two-layer": two_layer,
    "fitzhugh-nagumo": fitzhugh_nagumo,
}  # fmt: skip


def tendency(name: str, q: torch.Tensor) -> torch.Tensor:
    """What the equations say, written down again, of states ``(..., lev, 1, x)``."""
    fields = q.squeeze(-2).unbind(-2)
    return torch.stack(list(EQUATIONS[name](fields)), -2).unsqueeze(-2)


@pytest.mark.parametrize("name", EQUATIONS)
def test_time_steps_are_those_of_the_equations(name):
    system = SYSTEMS.make(name)
    q = 2 * normal(5, *system.shape)
    found = (system.advance(q, 1) - q) / system.dt
    torch.testing.assert_close(found, tendency(name, q), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["dyad", "lorenz84-noisy", "triad", "lorenz96-hidden",
                                  "lorenz96-two-layer"])  # fmt: skip
def test_terms_of_second_order_conserve_the_energy(name):
    system = SYSTEMS.make(name)
    q = normal(5, *system.shape)

    def slope(q):
        return (system.advance(q, 1) - q) / system.dt

    quadratic = (slope(q) + slope(-q)) / 2 - slope(0 * q)
    assert (q * quadratic).abs().sum() > 1
    assert (q * quadratic).sum((-3, -2, -1)).abs().max() < 1e-12 / system.dt


def test_the_waves_over_ridges_take_their_energy_from_the_mean_flow():
    """U^2 / 2 + sum k^2 |psi_k|^2 but for damping and noise; rotation conserves it by itself."""
    system = SYSTEMS.make("topographic")
    u, v = normal(5, 1, 1), normal(5, 1, 20, seed=1)
    law = system.coefficients(u)
    decay = math.exp(-system.damping * system.dt)
    rotation = law.F / decay
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(20).to(u).expand(5, 1, 20, 20))
    k = torch.arange(1.0, 11.0, dtype=torch.float64)
    psi, force = (torch.view_as_complex(part.unflatten(-1, (10, 2))) for part in (v, law.c))
    angle = k * (system.beta / k**2 - u) * system.dt
    torch.testing.assert_close(
        torch.view_as_complex((law.F @ v.unsqueeze(-1)).squeeze(-1).unflatten(-1, (10, 2))),
        decay * torch.polar(torch.ones_like(angle), angle) * psi,
    )
    h = torch.polar(k**-1.5, k)
    push = force * torch.polar(torch.full_like(angle, decay**-0.5), -angle / 2) / system.dt
    torch.testing.assert_close(push, 1j * u * h / k)
    work = u * (law.H @ v.unsqueeze(-1)).squeeze(-1) / system.dt
    gained = 2 * (k**2 * psi.conj() * push).real.sum(-1, keepdim=True)
    assert work.abs().min() > 0.01 and (work + gained).abs().max() < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_states_are_split_and_joined(name):
    system = SYSTEMS.make(name)
    q = normal(2, 3, *system.shape)
    u, v = system.split(q)
    assert torch.equal(system.join(u, v), q)
    fields = system.resolved
    blocks = system.shape[-1] if system.by_cell else 1
    assert u.shape == (2, 3, blocks, q[0, 0, :fields].numel() // blocks)
    assert v.shape == (2, 3, blocks, q[0, 0, fields:].numel() // blocks)


def law_at(system: ConditionalGaussian, q: torch.Tensor):
    """Law of a time step, with hidden variables that are known but for a variance of one."""
    u, v = system.split(q)
    d2 = v.shape[-1]
    known = Gaussian(v, torch.eye(d2).to(v).expand(*v.shape, d2))
    return u, v, system.coefficients(u, known)


@pytest.mark.parametrize("name", NAMES)
def test_laws_of_time_steps_have_their_shapes(name):
    """Leading axes may be missing, and all broadcast to those of the states."""
    u, v, law = law_at(system := SYSTEMS.make(name), normal(3, *SYSTEMS.make(name).shape))
    d1, d2, k = u.shape[-1], v.shape[-1], law.S1.shape[-1]
    for part, shape in zip(law, [(d1,), (d1, d2), (d2, d2), (d2,), (d1, k), (d2, k)], strict=True):
        whole = (*u.shape[:-1], *shape)
        assert torch.broadcast_shapes(part.shape, whole) == whole
    assert torch.linalg.matrix_rank(law.S1 @ law.S1.mT).min() == d1
    assert system.extremes.shape == (system.shape[0], 1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_noise_has_the_covariance_of_its_loadings(name):
    system = SYSTEMS.make("tracers:count=2,K=1" if name == "tracers" else name)
    q = normal(*system.shape).expand(5000, *system.shape)
    moved = torch.cat(system.split(system.advance(q, 1, stream(1))), -1)
    still = torch.cat(system.split(system.advance(q, 1)), -1)
    noise = (moved - still).flatten(0, 1)
    _, _, law = law_at(system, q[0])
    S = torch.cat([law.S1, law.S2], -2)
    expected = S @ S.mT
    std = expected.diagonal().sqrt()
    error = (noise.mT @ noise / len(noise) - expected) / (std[:, None] * std)
    assert error.abs().max() < 0.08


def test_parameters_have_bounds():
    for text in ("triad:noise_x=0", "topographic:K=21", "tracers:count=0", "spekf:dt=0"):
        with pytest.raises(InputError):
            SYSTEMS.make(text)


def test_constants_are_made_once():
    like = normal(2)
    assert constant(like, (1.0, 2.0)) is constant(like, (1.0, 2.0))
    assert constant(like.float(), (1.0, 2.0)).dtype == torch.float32


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("tracers", "triad-closed")])
def test_registered_climates_are_normalised(name):
    """Means to 0.1 and standard deviations to 5 %; the tails of the triad are heavy."""
    system = SYSTEMS.make(name)
    x = system.sample_climate(LARGE.get(name, 400), stream(0))
    pieces = [x]
    for n in range(20):
        pieces.append(system.step(pieces[-1], max(1, round(0.5 / system.interval)), stream(n)))
    found = torch.cat(pieces)
    loose = 0.15 if name in ("triad", "topographic", "fitzhugh-nagumo") else 0.05
    assert found.mean((0, 2, 3)).abs().max() < max(0.1, loose)
    torch.testing.assert_close(found.std((0, 2, 3)), torch.ones(system.shape[0]).to(x),
                               rtol=0, atol=loose)  # fmt: skip
    above = (found > system.extremes).double().mean((0, 2, 3))
    assert above.sub(0.05).abs().max() < 0.015


@pytest.mark.slow
def test_sites_of_two_layer_lorenz96_are_calm_or_bursting():
    """Means and standard deviations around the ring, and means of the small waves."""
    system = SYSTEMS.make("lorenz96-two-layer")
    q = [system.physical(system.sample_climate(60, stream(0)))]
    for n in range(60):
        q.append(system.advance(q[-1], 200, stream(n)))
    u, v = torch.cat(q)[:, 0, 0], torch.cat(q)[:, 1:, 0]
    for site, mean, std, waves in ((0, 1.66, 0.34, (-5.02, -2.00, -1.01, -0.50, -0.20)),
                                   (20, 2.28, 1.87, (6.7, 2.7, 1.3, 0.66, 0.26))):  # fmt: skip
        assert u[:, site].mean().item() == pytest.approx(mean, rel=0.05)
        assert u[:, site].std().item() == pytest.approx(std, rel=0.05)
        assert v[:, :, site].mean(0).tolist() == pytest.approx(waves, rel=0.05)
