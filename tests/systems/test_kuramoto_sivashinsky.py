"""Kuramoto-Sivashinsky: linear waves, the order of the scheme, what is conserved, the climate."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.errors import InputError
from dalab.random import stream
from dalab.systems import SYSTEMS, KuramotoSivashinsky, System

NAMES = [name for name in SYSTEMS if name.startswith("kuramoto")]


@pytest.fixture
def system() -> KuramotoSivashinsky:
    return KuramotoSivashinsky()


def wave(system: KuramotoSivashinsky, mode: int) -> torch.Tensor:
    turns = torch.arange(system.n, dtype=torch.float64) / system.n
    return torch.cos(2 * math.pi * mode * turns).reshape(system.shape)


@pytest.mark.parametrize("mode", [1, 5, 11, 16, 20, 30])
def test_small_waves_grow_or_decay_at_their_exact_rate(system, mode):
    """On 32 pi the wave of mode m has the wavenumber m / 16; the critical one is mode 16."""
    small, k = 1e-7 * wave(system, mode), mode / 16
    grown = system.advance(small, 4)
    expected = math.exp(2.0 * (k**2 - k**4)) * small
    torch.testing.assert_close(grown, expected, rtol=0, atol=1e-5 * float(expected.max()))


def test_the_nonlinear_part_by_hand():
    """Two waves of a long ring, where the linear part is slow: -u du/ds for a small step."""
    system = KuramotoSivashinsky(n=64, length=20.0, dt=1e-4, interval=1e-4)
    u = 3 * wave(system, 2)
    s = torch.arange(64, dtype=torch.float64) / 64 * 20 * math.pi
    k = 2 * 2 / 20
    advection = -u * (-3 * k * torch.sin(k * s))
    found = (system.advance_once(u) - u) / system.dt
    torch.testing.assert_close(found, advection + (k**2 - k**4) * u, rtol=0, atol=1e-4)


def test_products_of_short_waves_are_not_aliased(system):
    """Modes 40 and 42 make mode 82 and 2; on 128 points mode 82 would appear as mode 46."""
    c = 2 * wave(system, 40) * wave(system, 42)
    made = torch.fft.rfft(system.advance_once(wave(system, 40) + wave(system, 42)))
    assert torch.fft.rfft(c)[..., 46].abs() > 50
    assert made[..., 46].abs().max() < 1e-3 < made[..., 2].abs().max()


def test_the_scheme_is_of_fourth_order(system):
    u = system.physical(system.sample_climate(2, stream(0)))
    fine, *coarse = (
        KuramotoSivashinsky(dt=dt, interval=1.0).advance(u, round(1 / dt))
        for dt in (1 / 512, 1 / 32, 1 / 64, 1 / 128)
    )
    errors = [float((c - fine).norm()) for c in coarse]
    orders = [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    assert orders == pytest.approx([4, 4], abs=0.3), errors


def test_the_mean_is_kept_and_carries_the_flow_along():
    """Seen from a frame that moves one cell in a unit of time, the flow is the same."""
    system = KuramotoSivashinsky(dt=0.05)
    u = system.physical(system.sample_climate(3, stream(1)))
    speed = math.pi / 4
    moving, still = (system.advance(q, 20) for q in (u + speed, u))
    assert u.mean(-1).abs().max() < 1e-12
    torch.testing.assert_close(moving.mean(-1), torch.full((3, 1, 1), speed).double())
    torch.testing.assert_close(moving - speed, still.roll(1, -1), rtol=0, atol=1e-4)


def test_symmetries(system):
    x = system.sample_climate(2, stream(2))
    torch.testing.assert_close(system.step(x.roll(7, -1)), system.step(x).roll(7, -1))
    torch.testing.assert_close(system.step(-x.flip(-1)), -system.step(x).flip(-1))


def test_single_precision_and_gradients(system):
    x = system.sample_climate(2, stream(3))
    assert system.step(x.float()).dtype == torch.float32
    torch.testing.assert_close(system.step(x.float()).double(), system.step(x), rtol=0, atol=1e-4)
    small = KuramotoSivashinsky(n=16, length=4.0)
    y = torch.randn(2, *small.shape, generator=stream(4), dtype=torch.float64)
    assert torch.autograd.gradcheck(small.step, (y.requires_grad_(),))


def test_it_is_not_followed_back_in_time(system):
    assert system.propagator() is None
    assert system.geometry == "ring" and system.shape == (1, 1, 128)


def test_settings_of_papers():
    """DAPPER's domain of 32 is 32 pi: there the climate has the spread of 1.3 that it states."""
    enff = SYSTEMS.make("kuramoto-sivashinsky-enff")
    assert (enff.n, enff.length, enff.dt, enff.interval) == (1024, 128, 0.25, 1.0)
    dapper = SYSTEMS.make("kuramoto-sivashinsky")
    assert (dapper.n, dapper.length, dapper.dt, dapper.interval) == (128, 32, 0.5, 1.0)
    assert SYSTEMS.make("kuramoto-sivashinsky-enff:n=512").name == "kuramoto-sivashinsky-enff:n=512"


def test_too_few_points_are_refused():
    with pytest.raises(InputError, match=r"points n = 100: must be at least 1 .*32 pi. Use 128"):
        SYSTEMS.make("kuramoto-sivashinsky:n=100")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_registered_climates_are_normalised(name):
    system = SYSTEMS[name]()
    assert isinstance(system, System)
    x = system.sample_climate(200, stream(0))
    assert x.mean(-1).abs().max() < 1e-12
    assert x.std() == pytest.approx(1, abs=0.02)
    assert system.physical(x).std() == pytest.approx(1.3, abs=0.02), "as DAPPER says"


@pytest.mark.slow
def test_the_domain_of_dapper_counts_units_of_pi():
    shorter = SYSTEMS.make(f"kuramoto-sivashinsky:length={32 / math.pi}")
    spread = shorter.physical(shorter.sample_climate(200, stream(0))).std()
    assert spread > 1.6, "and not the 1.3 that it says"
