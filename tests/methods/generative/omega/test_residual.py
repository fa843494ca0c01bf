"""The residual score: nothing to learn beside exact baselines, closed forms beside wrong ones."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.experiment import Experiment
from dalab.methods.generative.omega.kernels import Analysis
from dalab.methods.generative.omega.langevin import MixtureScore
from dalab.methods.generative.omega.method import Omega
from dalab.methods.generative.omega.residual.context import Context
from dalab.methods.generative.omega.residual.network import ResidualNetwork, matching_loss
from dalab.methods.generative.omega.residual.recipe import ResidualRecipe
from dalab.methods.generative.omega.residual.stored import (
    load_residual,
    residual_for,
    residual_names,
)
from dalab.methods.generative.omega.residual.training import (
    Gate,
    ResidualTraining,
    gate_of,
    problem_of,
)
from dalab.methods.generative.omega.residual.twins import Examples
from dalab.random import stream

N, SIGMA = 400_000, 0.4


def pairs(seed=0):
    """Draws x of two Gaussians at -1 and 1 with variance 0.2, and y = x + N(0, 0.5)."""
    source = stream(seed, "pairs")
    centre = torch.randint(2, (N,), generator=source).double() * 2 - 1
    x = centre + 0.2**0.5 * torch.randn(N, generator=source, dtype=torch.float64)
    y = x + 0.5**0.5 * torch.randn(N, generator=source, dtype=torch.float64)
    noise = torch.randn(N, generator=source, dtype=torch.float64)
    return x + SIGMA * noise, y, noise


def exact(x, y):
    """Score of the exact posterior of every y, noised."""
    centres = torch.tensor([[-1.0, 1.0]], dtype=torch.float64)
    y = y[:, None]
    logs = torch.log_softmax(-(y - centres).square() / (2 * 0.7), -1)
    means = (centres + 0.2 / 0.7 * (y - centres)).unsqueeze(-1)
    cov = torch.full((N, 1, 1), 0.2 * 0.5 / 0.7, dtype=torch.float64)
    law = Analysis(logs, means, cov)
    level = torch.full((1, 1), SIGMA, dtype=torch.float64)
    return MixtureScore(law)(x.view(N, 1, 1), level).flatten()


def kalman(x, y):
    """Score of the Gaussian with the right moments of the prior."""
    gain, variance = 1.2 / 1.7, 1.2 * 0.5 / 1.7
    return (gain * y - x) / (variance + SIGMA**2)


def explained(score, x, y, noise):
    """Share of the variance of -(noise / sigma + score) that seven features explain."""
    target = -(noise / SIGMA + score)
    features = torch.stack([
        torch.ones_like(x), x, y, x**3, x * y, torch.tanh(2 * x), torch.tanh(2 * x) * y
    ], -1)
    found = features @ torch.linalg.lstsq(features, target[:, None]).solution
    return float(found.var() / target.var())


def test_features_explain_nothing_beside_an_exact_baseline():
    x, y, noise = pairs()
    assert explained(exact(x, y), x, y, noise) < 1e-4
    assert explained(kalman(x, y), x, y, noise) > 0.01


def test_the_loss_of_an_exact_baseline_is_its_floor():
    x, y, noise = pairs()
    score = exact(x, y)
    loss = (score + noise / SIGMA).square().mean()
    floor = 1 / SIGMA**2 - score.square().mean()
    assert float(loss) == pytest.approx(float(floor), rel=5e-3)


def test_a_linear_residual_of_a_wrong_gaussian_has_its_closed_form():
    m, V, mb, Vb = 0.3, 0.5, -0.2, 0.9
    source = stream(0, "gaussian")
    x = m + V**0.5 * torch.randn(N, generator=source, dtype=torch.float64)
    noise = torch.randn(N, generator=source, dtype=torch.float64)
    noised = x + SIGMA * noise
    target = -(noise / SIGMA + (mb - noised) / (Vb + SIGMA**2))
    features = torch.stack([torch.ones_like(noised), noised], -1)
    found = torch.linalg.lstsq(features, target[:, None]).solution.flatten()
    slope = -1 / (V + SIGMA**2) + 1 / (Vb + SIGMA**2)
    level = m / (V + SIGMA**2) - mb / (Vb + SIGMA**2)
    assert found.tolist() == pytest.approx([level, slope], abs=0.015)


def test_a_network_starts_as_nothing():
    network = ResidualNetwork(2, 5)
    context = Context(torch.randn(7, 5), torch.zeros(7, 2), torch.ones(7, 2))
    x = torch.randn(7, 2, dtype=torch.float64)
    found = network(x, torch.full((7, 1), 0.3, dtype=torch.float64), context)
    assert found.dtype == x.dtype and float(found.detach().abs().max()) == 0


def test_the_gate_asks_for_two_standard_errors():
    assert Gate(1.0, 0.03, 0.01).is_open
    assert not Gate(1.0, 0.015, 0.01).is_open and not Gate(1.0, -0.1, 0.01).is_open


@pytest.mark.slow
def test_beside_an_exact_baseline_the_gate_stays_shut():
    """With many members the mixture is exact, and there is nothing to learn."""
    source = stream(0, "gate")
    x, y, noise = (part[:40_000, None] for part in pairs())
    score = exact(*(part.flatten() for part in pairs()[:2]))[:40_000, None]
    context = Context(y.float(), torch.zeros_like(y).float(), torch.ones_like(y).float())
    sigma = torch.full_like(x, SIGMA).float()
    trajectory = torch.arange(40_000) % 40
    every = Examples(x.float(), sigma, -(score + noise / SIGMA).float(), context, trajectory)
    network = ResidualNetwork(1, 1, 16, 2)
    network.standardise(every.context.values)
    training, held = every.take(trajectory < 30), every.take(trajectory >= 30)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(300):
        some = training.take(torch.randint(len(training), (512,), generator=source))
        optimiser.zero_grad()
        found = network(some.x, some.sigma, some.context)
        matching_loss(found, some.target, some.sigma).mean().backward()
        optimiser.step()
    gate = gate_of(network, held)
    assert not gate.is_open
    assert gate.without == pytest.approx(gate.without - gate.gain, rel=0.02)


@pytest.mark.slow
def test_a_small_training_goes_on_from_a_checkpoint_and_is_read_again(tmp_path):
    recipe = ResidualRecipe(
        name="tiny", method="omega", system="dyad", noise=0.566, members=10, trajectories=20,
        cycles=24, steps=20, batch=32, width=8, depth=1, checkpoint_every=5,
    )
    baseline = Omega(members=10, network="none")
    training = ResidualTraining(recipe, baseline, problem_of(recipe), tmp_path, torch.device("cpu"))
    run = training.run()
    for _ in range(7):
        next(run)
    run.close()
    again = ResidualTraining(recipe, baseline, problem_of(recipe), tmp_path, torch.device("cpu"))
    assert [step.step for step in again.run()][0] == 8
    path, stored = again.finish()
    found = load_residual(str(path))
    for name, value in stored.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value)
    assert not found.misfit("mixture", again.problem.system, again.problem.network)
    assert "baseline=mixture" in found.misfit("gaussian", again.problem.system,
                                              again.problem.network)
    fields = {"system": "dyad", "operators": ["component:field=1"], "masks": ["full"], "cycles": 3}
    with pytest.raises(InputError, match="other observations or another noise"):
        Experiment.of(Config(**fields, noise=0.3, methods=[f"omega:network={path}"]))
    with pytest.raises(InputError, match="is about dyad"):
        Experiment.of(Config(**{**fields, "system": "spekf"}, noise=0.566,
                             methods=[f"omega:network={path}"]))
    damaged = Path(path).read_bytes()
    Path(path).write_bytes(damaged[:-4] + b"\0\1\2\3")
    with pytest.raises(InputError):
        load_residual(str(path))


@pytest.mark.parametrize("name", residual_names())
def test_bundled_residuals_are_small_and_passed_the_gate(name):
    stored = load_residual(name)
    assert stored.is_useful
    assert sum(p.numel() for p in stored.network.parameters()) * 4 < 200_000
    assert math.isfinite(stored.facts["gate"]["without"])


@pytest.mark.parametrize("system", ["dyad", "lorenz63-noisy"])
def test_residuals_of_other_systems_are_passed_over(system):
    config = Config(
        system=system, operators=["resolved"], masks=["full"], noise=0.566, cycles=3,
        methods=["omega:network=auto"],
    )
    (method,) = Experiment.of(config).methods.values()
    found = residual_for("auto", method.baseline, problem_of(ResidualRecipe(
        name="a", method="omega", system=system, noise=0.566
    )))
    assert (found is None) == (system != "dyad")
