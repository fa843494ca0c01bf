"""Approximate models of the triad of which x alone is seen."""

from __future__ import annotations

import pytest
import torch

from dalab.errors import InputError
from dalab.methods.conditional_gaussian.recursions import update
from dalab.random import stream
from dalab.systems import SYSTEMS
from dalab.systems.conditional_gaussian.base import Gaussian
from dalab.systems.conditional_gaussian.triad import ClosedTriad


def known(mean, cov) -> Gaussian:
    return Gaussian(torch.tensor([mean], dtype=torch.float64),
                    torch.tensor([cov], dtype=torch.float64))  # fmt: skip


def drift_of_x(system: ClosedTriad, x: float, hidden: Gaussian) -> float:
    """Mean rate at which x changes in the approximate model."""
    law = system.coefficients(torch.tensor([[x]], dtype=torch.float64), hidden)
    mean = law.f + (law.H @ hidden.mean.unsqueeze(-1)).squeeze(-1)
    return mean.item() / system.dt


def test_the_path_closure_has_the_mean_of_the_product():
    """E[y z] = m_y m_z + R_yz; without the covariance, and without the product, it is off by it."""
    hidden, x = known([-0.7, 0.4], [[0.3, 0.1], [0.1, 0.2]]), 0.6
    rest = 0.2 * x + 5 * x * -0.7
    for closure, product in (("path", -0.28 + 0.1), ("path-means", -0.28), ("bare", 0.0)):
        system = SYSTEMS.make(f"triad-closed:closure={closure}")
        assert drift_of_x(system, x, hidden) == pytest.approx(rest + 5 * product)
    system = SYSTEMS.make("triad-closed:closure=climatological")
    mean_y, mean_z = system.climate.mean[1:]
    product = mean_z * -0.7 + mean_y * 0.4 - mean_y * mean_z
    assert drift_of_x(system, x, hidden) == pytest.approx(rest + 5 * product)


def test_closures_of_the_path_need_the_law_of_the_hidden_variables():
    with pytest.raises(InputError, match="closure of the triad.*needs the law"):
        SYSTEMS.make("triad-closed").coefficients(torch.zeros(1, 1))


def test_truth_and_forecasts_are_those_of_the_triad():
    closed, triad = SYSTEMS.make("triad-closed:noise_y=1"), SYSTEMS.make("triad:noise_y=1")
    x = torch.randn(3, 3, 1, 1, generator=stream(0), dtype=torch.float64)
    assert torch.equal(closed.step(x, 1, stream(1)), triad.step(x, 1, stream(1)))
    assert closed.exact == triad and closed.resolved == 1


def errors(closure: str, states: torch.Tensor, burn_in: int) -> torch.Tensor:
    """Root mean square errors of y and z given the paths of x, ``(paths, 2)``.

    Args:
        closure: of the model.
        states: ``(time, paths, 3, 1, 1)``, a time step apart.
        burn_in: steps that do not count.
    """
    system = SYSTEMS.make("triad-closed").with_options(closure=closure, dt=0.002)
    found = Gaussian(torch.zeros(1, 2).to(states), torch.diag(states.new_tensor([0.4, 0.2]))[None])
    path, hidden = system.split(states)
    squares = []
    for n in range(len(states) - 1):
        found, _ = update(found, system.coefficients(path[n], found), path[n + 1] - path[n])
        if n + 1 > burn_in:
            squares.append((found.mean - hidden[n + 1])[:, 0].square())
    return torch.stack(squares).mean(0).sqrt()


@pytest.mark.slow
def test_errors_of_the_closures_are_those_known():
    """Known of one path of 60 units of time, to two standard deviations between such paths.

    The last is as good as the mean of 3000 particles, (0.336, 0.213).
    """
    system, generator = SYSTEMS.make("triad:dt=0.002,interval=0.25"), stream(0)
    x = system.physical(system.sample_climate(48, generator))
    states = [x]
    for _ in range(8000):
        states.append(system.advance(states[-1], 1, generator))
    found = {}
    for closure, expected, spread in (
        ("bare", (0.565, 0.298), (0.08, 0.025)), ("climatological", (0.400, 0.224), (0.04, 0.025)),
        ("path-means", (0.339, 0.210), (0.03, 0.018)),
    ):
        found[closure] = errors(closure, torch.stack(states), 2500).mean(0)
        difference = found[closure] - torch.tensor(expected)
        assert (difference.abs() < 2 * torch.tensor(spread)).all()
    assert (found["bare"] > found["climatological"]).all()
    assert (found["climatological"] > found["path-means"]).all()
