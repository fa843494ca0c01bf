"""Two-scale Lorenz-96: tendencies, energy, and the system without coupling."""

from __future__ import annotations

import pytest
import torch

from dalab.random import stream
from dalab.systems import SYSTEMS, Lorenz96, TwoScaleLorenz96


def states(system, *lead: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*lead, *system.shape, generator=stream(seed), dtype=torch.float64)


def by_hand(system: TwoScaleLorenz96, q: torch.Tensor) -> torch.Tensor:
    """Tendencies by loops over sites, as the equations are written."""
    K, J, h, b, c = system.K, system.J, system.h, system.b, system.c
    X, chain = q[0, 0].tolist(), [float(q[1 + n % J, 0, n // J]) for n in range(K * J)]
    found = torch.zeros_like(q)
    for k in range(K):
        around = X[(k + 1) % K] - X[k - 2]
        felt = sum(chain[k * J : (k + 1) * J])
        found[0, 0, k] = around * X[k - 1] - X[k] + system.forcing - h * c / b * felt
    for n in range(K * J):
        ahead, two, behind = chain[(n + 1) % (K * J)], chain[(n + 2) % (K * J)], chain[n - 1]
        k, j = divmod(n, J)
        found[1 + j, 0, k] = c * b * ahead * (behind - two) - c * chain[n] + h * c / b * X[k]
    return found


@pytest.mark.parametrize("system", [
    TwoScaleLorenz96(), TwoScaleLorenz96(K=5, J=3, h=0.7, b=8.0, c=4.0, forcing=15.0),
    TwoScaleLorenz96(K=4, J=1),
], ids=["default", "small", "one fast variable"])  # fmt: skip
def test_tendencies_by_loops(system):
    q = 3 * states(system)
    torch.testing.assert_close(system.tendency(q), by_hand(system, q))
    both = torch.stack([q, -q])
    torch.testing.assert_close(system.tendency(both)[1], by_hand(system, -q))


def test_the_energy_changes_by_forcing_and_damping_alone():
    system = TwoScaleLorenz96(h=1.7, b=6.0, c=5.0)
    q = 3 * states(system, 20)
    X, Y = q[:, :1], q[:, 1:]
    work = (q * system.tendency(q)).sum((1, 2, 3))
    budget = (system.forcing * X - X**2).sum((1, 2, 3)) - system.c * (Y**2).sum((1, 2, 3))
    torch.testing.assert_close(work, budget, rtol=1e-12, atol=1e-9)
    quadratic = (system.tendency(q) + system.tendency(-q)) / 2 - system.tendency(0 * q)
    assert (q * quadratic).abs().sum() > 1e4
    assert (q * quadratic).sum((1, 2, 3)).abs().max() < 1e-9


def test_without_coupling_the_slow_variables_are_lorenz96():
    system = TwoScaleLorenz96(h=0.0, K=40, forcing=8.0, interval=0.2)
    one = system.truncated()
    assert one == Lorenz96(dt=0.005, interval=0.2) and one.name == "lorenz96:dt=0.005,interval=0.2"
    x = states(system, 3)
    expected = one.step(system.slow(x))
    torch.testing.assert_close(system.slow(system.step(x)), expected, rtol=1e-9, atol=1e-11)
    coupled = TwoScaleLorenz96(K=40, forcing=8.0, interval=0.2)
    assert not torch.allclose(coupled.slow(coupled.step(x)), expected, atol=1e-2)


def test_fields_and_settings():
    system = SYSTEMS.make("lorenz96-two-scale")
    assert system.shape == (11, 1, 36) and system.geometry == "ring"
    assert system.variables[:2] == ("X", "Y1") and len(system.variables) == 11
    wilks = SYSTEMS.make("lorenz96-two-scale-wilks")
    assert (wilks.K, wilks.J, wilks.forcing) == (8, 32, 20)
    changed = SYSTEMS.make("lorenz96-two-scale-wilks:forcing=18")
    assert changed.name == "lorenz96-two-scale-wilks:forcing=18" and changed.std == wilks.std
    assert SYSTEMS.make("lorenz96-two-scale:h=0.5,c=4").K == 36


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lorenz96-two-scale", "lorenz96-two-scale-wilks"])
def test_registered_climates_are_normalised(name):
    """In both scales; the fast ones differ a little by their place beside a slow one."""
    x = SYSTEMS.make(name).sample_climate(150, stream(0))
    for part in (x[:, :1], x[:, 1:]):
        assert part.mean().abs() < 0.06
        assert part.std() == pytest.approx(1, abs=0.03)
