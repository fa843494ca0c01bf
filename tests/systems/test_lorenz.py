"""The Lorenz systems: their equations, their scheme, their chaos and their climate."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dalab.errors import InputError
from dalab.random import stream
from dalab.systems import SYSTEMS, Lorenz63, Lorenz96, System

NAMES = [name for name in SYSTEMS if name.startswith("lorenz") and "two" not in name]


WORLDS = [Lorenz63(), Lorenz96(), Lorenz96(d=5, forcing=4.0)]


@pytest.fixture(params=WORLDS, ids=["lorenz63", "lorenz96", "five sites"])
def system(request):
    return request.param


def states(system, *lead: int, seed: int = 0) -> Tensor:
    return torch.randn(*lead, *system.shape, generator=stream(seed), dtype=torch.float64)


# ---------------------------------------------------------------- equations


def test_tendencies_by_hand():
    q = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    found = Lorenz63().tendency(q.reshape(3, 1, 1)).flatten()
    torch.testing.assert_close(found, torch.tensor([10.0, 23.0, -6.0], dtype=torch.float64))
    ring = torch.tensor([1.0, 2.0, 3.0, 5.0, 8.0], dtype=torch.float64)
    d = 5
    by_hand = [
        (ring[(i + 1) % d] - ring[i - 2]) * ring[i - 1] - ring[i] + 8 for i in range(d)
    ]  # fmt: skip
    found = Lorenz96(d=5).tendency(ring.reshape(1, 1, 5)).flatten()
    torch.testing.assert_close(found, torch.stack(by_hand))


def test_the_quadratic_part_conserves_energy(system):
    """The even part of the tendency without its constant: no work is done by it on any state."""
    q = 5 * states(system, 20)
    constant = system.tendency(torch.zeros_like(q))
    quadratic = (system.tendency(q) + system.tendency(-q)) / 2 - constant
    work, size = (q * quadratic).sum((-3, -2, -1)), (q * quadratic).abs().sum((-3, -2, -1))
    assert size.mean() > 1 and (work.abs() <= 1e-14 * size).all()


def test_the_flow_without_forcing_and_damping_keeps_its_energy():
    class Free(Lorenz96):
        def tendency(self, q):
            return super().tendency(q) + q - self.forcing

    free = Free(dt=0.002, interval=0.5)
    x = states(free, 3)
    before, after = (free.physical(s).pow(2).sum((-3, -2, -1)) for s in (x, free.step(x)))
    torch.testing.assert_close(after, before, rtol=1e-8, atol=0)


@pytest.mark.parametrize("sign", [-1, 1])
def test_fixed_points_of_lorenz63(sign):
    root = sign * math.sqrt(8 / 3 * 27)
    q = torch.tensor([root, root, 27.0], dtype=torch.float64).reshape(3, 1, 1)
    assert Lorenz63().tendency(q).abs().max() < 1e-13
    assert Lorenz63().tendency(torch.zeros(3, 1, 1)).abs().max() == 0


def test_the_fixed_point_of_lorenz96_is_unstable_at_8_and_stable_at_half():
    for forcing, grows in ((8.0, True), (0.5, False)):
        system = Lorenz96(forcing=forcing)
        rest = torch.full(system.shape, forcing, dtype=torch.float64)
        assert system.tendency(rest).abs().max() == 0
        nudge = 1e-6 * states(system)
        away = system.advance(rest + nudge, 40) - rest
        assert (away.norm() > nudge.norm()) == grows


def test_symmetries():
    ring, x = Lorenz96(), states(Lorenz96(), 2)
    torch.testing.assert_close(ring.step(x.roll(7, -1), 3), ring.step(x, 3).roll(7, -1))
    convection, x = Lorenz63(), states(Lorenz63(), 2)
    turn = torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64)[:, None, None]
    torch.testing.assert_close(convection.step(turn * x), turn * convection.step(x))


# ---------------------------------------------------------------- scheme


def test_the_scheme_is_of_fourth_order(system):
    x = states(system, 4)
    fine, *coarse = (
        replace(system, dt=dt, interval=0.4).step(x) for dt in (0.0005, 0.02, 0.01, 0.005)
    )
    errors = [float((c - fine).norm()) for c in coarse]
    orders = [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    assert orders == pytest.approx([4, 4], abs=0.35), errors
    assert errors[-1] < 1e-4


def test_a_trajectory_is_made_of_steps(system):
    x = states(system, 2, 3)
    path = system.trajectory(x, 4)
    assert path.shape == (2, 3, 4, *system.shape)
    assert torch.equal(path[:, :, 0], system.normalised(system.physical(x)))
    torch.testing.assert_close(path[:, :, 3], system.step(x, 3), rtol=1e-9, atol=1e-11)


def test_members_do_not_disturb_each_other(system):
    x = states(system, 2, 6)
    assert torch.equal(system.step(x)[1, 4], system.step(x[1, 4]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_keeps_the_precision_it_is_given(system, dtype):
    x = states(system, 2)
    found = system.step(x.to(dtype))
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), system.step(x), rtol=0, atol=1e-4)


def test_gradients_flow_through_a_step(system):
    small = replace(system, interval=3 * system.dt)
    x = 0.5 * states(small, 1)
    assert torch.autograd.gradcheck(small.step, (x.requires_grad_(),), eps=1e-6, atol=1e-6)


def test_model_noise_has_its_size_and_needs_a_generator():
    system = SYSTEMS["lorenz96-ssls"]()
    x = states(system, 3000)
    quiet, loud = system.step(x), system.step(x, generator=stream(1))
    assert torch.equal(quiet, replace(system, noise=0.0).step(x, generator=stream(1)))
    difference = system.physical(loud) - system.physical(quiet)
    assert difference.std() == pytest.approx(0.1 * math.sqrt(0.05), rel=0.01)
    assert abs(difference.mean()) < 4 * 0.1 * math.sqrt(0.05) / math.sqrt(60_000)
    assert torch.equal(loud, system.step(x, generator=stream(1)))


# ---------------------------------------------------------------- chaos and climate


def lyapunov(system, trajectories: int, time: float) -> float:
    """Leading exponent: mean growth of tangents, after 5 units of time in which they align."""
    generator = stream(0, "lyapunov")
    q = system.physical(system.sample_climate(trajectories, generator))
    v = torch.randn(q.shape, generator=generator, dtype=torch.float64)
    steps, aligned, growth = round((5 + time) / system.interval), round(5 / system.interval), 0.0
    for k in range(steps):
        q, v = torch.func.jvp(lambda s: system.advance(s, system.steps_per_interval), (q,), (v,))
        norm = v.flatten(1).norm(dim=1)
        v = v / norm[:, None, None, None]
        growth += float(norm.log().mean()) * (k >= aligned)
    return growth / ((steps - aligned) * system.interval)


@pytest.mark.slow
def test_lyapunov_exponent_of_lorenz63():
    assert lyapunov(SYSTEMS["lorenz63-ensf-lr"](), 1000, 8.0) == pytest.approx(0.906, rel=0.03)


@pytest.mark.slow
def test_lyapunov_exponent_of_lorenz96():
    assert lyapunov(Lorenz96(), 60, 12.0) == pytest.approx(1.685, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_registered_climates_are_normalised(name):
    system = SYSTEMS[name]()
    assert isinstance(system, System)
    assert system.name == name and system == SYSTEMS[name]()
    assert hash(system) == hash(SYSTEMS[name]())
    count = 6000 if system.shape == (3, 1, 1) else 400
    x = system.sample_climate(count, stream(0))
    assert x.dtype == torch.float64 and x.shape == (count, *system.shape)
    euler = getattr(system, "scheme", "rk4") == "euler"  # in the units of the exact flow, wider
    assert x.mean((0, 2, 3)).abs().max() < (0.25 if euler else 0.06)
    assert (x.std((0, 2, 3)) - 1).abs().max() < (0.15 if euler else 0.03)
    assert {k: len(v) for k, v in system.coords().items()} == dict(
        zip(system.dims, system.shape, strict=True)
    )


def test_climates_are_reproducible_and_independent_of_global_state():
    torch.manual_seed(1)
    a = Lorenz96().sample_climate(2, stream(5))
    torch.manual_seed(2)
    assert torch.equal(a, Lorenz96().sample_climate(2, stream(5)))
    assert not torch.allclose(a, Lorenz96().sample_climate(2, stream(6)), atol=0.1)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("make, message", [
    (lambda: Lorenz63(dt=0.0), "Lorenz63 dt = 0.0: must be a number above 0.0 and at most 0.1"),
    (lambda: Lorenz63(dt=0.5), "Lorenz63 dt = 0.5: .*at most 0.1"),
    (lambda: Lorenz63(dt=math.nan), "Lorenz63 dt = nan"),
    (lambda: Lorenz63(interval=0.255), "interval = 0.255: must be a whole number"),
    (lambda: Lorenz63(interval=0.0), "interval = 0.0: must be a number above 0.0"),
    (lambda: Lorenz96(noise=-1.0), "Lorenz96 noise = -1.0: must be a number at least 0"),
    (lambda: Lorenz63(rho=-1.0), "rho = -1.0: must be a number above 0.0"),
    (lambda: Lorenz96(d=3), "d = 3: must be a whole number at least 4"),
    (lambda: Lorenz96(forcing=math.inf), "forcing = inf: .* at least -100.0 and at most 100.0"),
])  # fmt: skip
def test_parameters_out_of_bounds_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
