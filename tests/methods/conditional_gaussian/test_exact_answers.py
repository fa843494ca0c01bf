"""Conditional laws against closed forms: steady states, two-step mixtures, the limit dt to 0."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.methods.conditional_gaussian.recursions import (
    draw_backward,
    draw_increment,
    filter_path,
    smooth,
    update,
)
from dalab.random import stream
from dalab.systems import SYSTEMS
from dalab.systems.conditional_gaussian.base import Coefficients, Gaussian, euler_maruyama
from dalab.systems.conditional_gaussian.dyad import Dyad


def tensor(*values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def scalar(dt: float, A1: float, a1: float, S1: float, S2: float) -> Coefficients:
    """One resolved and one hidden variable, constant coefficients and no forces."""
    return euler_maruyama(
        dt, tensor(0.0), tensor([A1]), tensor(0.0), tensor([a1]), tensor([S1, 0]), tensor([0, S2])
    )


def steady(law: Coefficients, steps: int, cov: float = 1.0) -> float:
    known = Gaussian(torch.zeros(1, 1, dtype=torch.float64), tensor([[cov]]))
    for _ in range(steps):
        known, _ = update(known, law, torch.zeros(1, 1, dtype=torch.float64))
    return known.cov.item()


@pytest.mark.parametrize(("A1", "a1", "S1", "S2"), [
    (-100.0, 0.0, 2.0, 0.4),  # FitzHugh-Nagumo: 0.008
    (1.3, -0.7, 0.5, 1.2), (2.0, 0.4, 0.3, 0.5),
])  # fmt: skip
def test_the_steady_variance(A1, a1, S1, S2):
    """R = (S1^2/A1^2) [a1 + sqrt(a1^2 + A1^2 S2^2/S1^2)] but for the time step, linearly."""
    expected = (S1 / A1) ** 2 * (a1 + math.sqrt(a1**2 + (A1 * S2 / S1) ** 2))
    errors = [steady(scalar(dt, A1, a1, S1, S2), round(2.5 / dt), 0.1) - expected
              for dt in (0.002, 0.001)]
    assert abs(errors[1]) < 0.03 * expected
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


def test_the_steady_variance_of_fitzhugh_nagumo():
    """0.008 in continuous time, whatever the neurons do; a time step adds half of its noise."""
    system = SYSTEMS.make("fitzhugh-nagumo:n=5")
    u, v = system.split(system.physical(system.sample_climate(1, stream(0))))
    known = Gaussian(torch.zeros_like(v), torch.full((1, 5, 1, 1), 0.1).to(v))
    for _ in range(1000):
        known, _ = update(known, system.coefficients(u), torch.zeros_like(u))
    assert (known.cov - 0.008).abs().max() < system.dt * 0.4**2


def test_the_climate_is_all_that_is_known_of_what_is_not_seen():
    """0.5 in continuous time; exactly 1 / (2 - dt) in time steps."""
    dt = 0.005
    assert steady(scalar(dt, 0.0, -1.0, 0.5, 1.0), 4000) == pytest.approx(1 / (2 - dt), rel=1e-9)


# ------------------------------------------------------------ the dyad with one observation


@pytest.mark.slow
def test_one_observation_of_the_dyad():
    """A mixture of conditional Gaussians, weighted by the observation, has the known moments."""
    members, system = 200_000, Dyad(dt=0.005)
    generator = stream(0)

    def normal() -> torch.Tensor:
        return torch.randn(members, 1, 1, generator=generator, dtype=torch.float64)

    x = 1 + 0.2 * normal()
    known = Gaussian(torch.full_like(x, 2.0), torch.full((members, 1, 1, 1), 0.25).to(x))
    for _ in range(100):
        law = system.coefficients(x)
        increment = draw_increment(known, law, normal())
        known, _ = update(known, law, increment)
        x = x + increment
    weights = torch.softmax(-((1.6 - x.flatten()) ** 2) / (2 * 0.3**2), 0)
    for w, mean, var in (
        (torch.full_like(weights, 1 / members), (1.661, -1.133), (0.175, 0.728)),
        (weights, (1.608, -1.180), (0.0578, 0.703)),
    ):
        u, m, R = x.flatten(), known.mean.flatten(), known.cov.flatten()
        first, second = w @ u, w @ m
        assert (first.item(), second.item()) == pytest.approx(mean, abs=0.003)
        assert (w @ (u - first) ** 2).item() == pytest.approx(var[0], abs=0.002)
        assert (w @ ((m - second) ** 2 + R)).item() == pytest.approx(var[1], abs=0.006)
    assert (w @ ((u - first) * (m - second))).item() == pytest.approx(0.0172, abs=0.002)
    assert (w @ R).item() == pytest.approx(0.1326, abs=0.001)


# ------------------------------------------------------------ two steps of conditioning


def linear_three(resolved: int, dt: float) -> Coefficients:
    """Drift and noise of the linear system of three variables, the first of which are seen."""
    A = tensor([-1.0, 4.0, 0.0], [0.0, -2.0, -1.0], [0.0, 1.0, -2.0])
    S = tensor(0.5, 1.0, 1.0).diag()
    zero = torch.zeros(3, dtype=torch.float64)
    parts = A[:resolved, resolved:], A[resolved:, resolved:], S[:resolved], S[resolved:]
    return euler_maruyama(dt, zero[:resolved], parts[0], zero[resolved:], *parts[1:]), A


def conditioned(resolved: int, dt: float, path: torch.Tensor, start: Gaussian):
    """Filter along a path ``(time, ..., 1, resolved)``."""
    base, A = linear_three(resolved, dt)

    def law(u, hidden=None):
        return base._replace(f=dt * u @ A[:resolved, :resolved].T,
                             c=dt * u @ A[resolved:, :resolved].T)

    return filter_path(law, list(path), start)


def test_two_steps_of_conditioning_are_one():
    """Smoothers of z given x and drawn paths of y, averaged, are the smoother of z given x."""
    dt, steps, draws, generator = 0.02, 300, 400, stream(1)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    A, S = linear_three(1, dt)[1], tensor(0.5, 1.0, 1.0) * dt**0.5
    states = [0.5 * normal(3)]
    for _ in range(steps):
        states.append(states[-1] + dt * A @ states[-1] + S * normal(3))
    x = torch.stack(states)[:, None, :1]
    start = Gaussian(torch.zeros(1, 2).to(x), 0.25 * torch.eye(2).to(x).expand(1, 2, 2))
    first = conditioned(1, dt, x, start)
    direct = smooth(first)
    hidden = torch.stack(draw_backward(first, [normal(draws, 1, 2) for _ in x]))
    both = torch.cat([x[:, None].expand(-1, draws, 1, 1), hidden[..., :1]], -1)
    start = Gaussian(torch.zeros(1, 1).to(x), torch.full((1, 1, 1), 0.25).to(x))
    second = smooth(conditioned(2, dt, both, start))
    means = torch.stack([law.mean.flatten() for law in second])  # (time, draws)
    within = torch.stack([law.cov.mean() for law in second])
    mean = torch.stack([law.mean[0, 1] for law in direct])
    variance = torch.stack([law.cov[0, 1, 1] for law in direct])
    between = means.var(1)
    error, sampling = (means.mean(1) - mean).square().mean(), (between / draws).mean()
    assert error.sqrt() < 0.006 and error < 3 * sampling
    assert ((within + between) / variance).mean().item() == pytest.approx(1, abs=0.003)
    assert (within / variance).mean() < 0.98


# ------------------------------------------------------------ continuous time


def continuous(path: torch.Tensor, dt: float, steps) -> tuple[list[Gaussian], list[Gaussian]]:
    """Filter and smoother of the dyad by Euler's scheme of their differential equations.

    Args:
        path: x at every time, ``(time,)``.
        dt: time between them.
        steps: A0, A1, a0, a1 of x, and the squares of S1 and S2.
    """
    S1, S2 = steps(path[0])[4:]
    m, R = tensor(2.0)[0], tensor(0.1)[0]
    forward = [(m, R)]
    for x, ahead in zip(path[:-1], path[1:], strict=True):
        A0, A1, a0, a1, _, _ = steps(x)
        gain = R * A1 / S1
        m, R = (m + (a0 + a1 * m) * dt + gain * (ahead - x - (A0 + A1 * m) * dt),
                R + (2 * a1 * R + S2 - gain * S1 * gain) * dt)
        forward.append((m, R))
    backward = [(m, R)]
    for x, (m_f, R_f) in zip(reversed(path[:-1]), reversed(forward[:-1]), strict=True):
        _, _, a0, a1, _, _ = steps(x)
        B = S2 / R_f
        m, R = m - (a0 + a1 * m - B * (m_f - m)) * dt, R - (2 * (a1 + B) * R - S2) * dt
        backward.append((m, R))
    return [tuple(map(torch.stack, zip(*run, strict=True))) for run in (forward, backward[::-1])]


def test_the_laws_of_continuous_time_are_the_limit():
    """Differences halve with the time step, along one path of the dyad."""
    fine, length = 1 / 2048, 2.0
    system, generator = Dyad(dt=fine, interval=1.0), stream(2)
    u, v = tensor([1.0]), tensor([2.0])
    path = [u]
    for _ in range(round(length / fine)):
        u, v = system.advance_once(u, v, generator)
        path.append(u)

    def steps(x):
        return 0.5 - 0.5 * x, 2 * x, 1 - 2 * x**2, -0.5, 0.25, 1.0

    errors = []
    for every in (8, 4):
        dt, seen = fine * every, path[::every]
        start = Gaussian(tensor([2.0]), tensor([[0.1]]))
        found = filter_path(Dyad(dt=dt, interval=1.0).coefficients, seen, start)
        limits = continuous(torch.cat(seen).flatten(), dt, steps)
        pairs = zip((found.laws, smooth(found)), limits, strict=True)
        errors.append([
            (torch.stack([getattr(law, part).flatten()[0] for law in laws]) - limit[i])
            .square().mean().sqrt().item()
            for laws, limit in pairs for i, part in enumerate(("mean", "cov"))
        ])  # fmt: skip
    for coarse, finer in zip(*errors, strict=True):
        assert finer < 0.03 and coarse / finer == pytest.approx(2, rel=0.15)
