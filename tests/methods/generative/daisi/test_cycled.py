"""DAISI in cycled experiments, and from one process to the next."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import dalab
from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.cycles.driver import Driver
from dalab.experiments.cycles.twin import CycledTwin
from dalab.experiments.experiment import Experiment
from dalab.experiments.schedule import Schedule
from dalab.interruption import Interrupted, interruptible
from dalab.methods.generative.daisi.method import DAISI
from dalab.observations import OPERATORS, network
from dalab.priors import DenoiserPrior, VelocityField
from dalab.random import stream
from dalab.systems import SYSTEMS

QUICK = "members=10,steps=12,inversion_steps=12,prior=gaussian"


def config(method=f"daisi:{QUICK}", **fields):
    given = {
        "system": "lorenz63", "cycles": 9, "burn_in": 3, "repeats": 3, "background": 0.1,
        "operators": ["identity"], "masks": ["full"], "noise": 0.2, "methods": [method], "seed": 2,
    }
    return Config(**{**given, **fields})


def driver(**options):
    given = {"members": 10, "steps": 12, "inversion_steps": 12, "prior": "gaussian", **options}
    return Driver(CycledTwin(Experiment.of(config())), DAISI(**given), "daisi", 10)


def test_it_follows_a_truth_and_keeps_its_stages():
    """The climate has a deviation of 1, an observation an error of 0.2."""
    method = driver(t_min=0.6)
    cycles = list(method.cycles())
    errors = torch.stack([(c.mean - c.moment.truth).square().mean() for c in cycles[3:]])
    assert errors.mean().sqrt() < 0.25
    stages = method.method.analysis_stages(cycles[-1].carried.state)
    assert {k: tuple(v.shape) for k, v in stages.items()} == {
        "forecast": (3, 10, 3, 1, 1), "latent": (3, 10, 3, 1, 1)
    }
    torch.testing.assert_close(stages["forecast"], cycles[-1].forecast)


def test_a_run_that_goes_on_is_that_of_an_undisturbed_one(tmp_path):
    whole = list(driver().cycles())
    torch.save(whole[5].carried.state, tmp_path / "state.pt")
    kept = torch.load(tmp_path / "state.pt", weights_only=True)
    carried = replace(whole[5].carried, state=kept)
    for before, after in zip(whole[6:], driver().cycles(carried), strict=True):
        assert torch.equal(before.analysis, after.analysis)


def test_it_is_cancelled_between_two_steps():
    method = driver()
    carried, asked = method.begin(), []

    def stop():
        asked.append(1)
        return len(asked) > 300

    with interruptible(stop), pytest.raises(Interrupted):
        list(method.cycles(carried))
    assert len(asked) == 301


def test_experiments_refuse_priors_of_other_systems_and_windows():
    for prior in ("qg64", "nowhere", "qg64-state"):
        with pytest.raises(InputError):
            Experiment.of(config(f"daisi:prior={prior}"))
    with pytest.raises(InputError, match="t_min"):
        Experiment.of(config("daisi:t_min=0"))


def test_two_layer_flow_with_the_gaussian_of_its_climate():
    run = dalab.execute(Config(
        system="qg64", cycles=1, burn_in=0, repeats=1, background=0.2, members=2, noise=0.1,
        operators=["arctan"], masks=["random:0.25"],
        methods=["daisi:members=2,steps=5,inversion_steps=5,prior=gaussian,edit=0.2"],
    ))
    scores = run["metrics"].to_dataset().isel(method=0)
    assert str(scores["status"].values).startswith("complete")
    assert 0 < float(scores["rmse_mean"]) < 0.5 and "latent_size_cycles" in scores


def test_an_own_velocity_field_is_the_prior_of_a_cycled_experiment():
    """That of a white climate, b = (t - (1 - t)) z / (t^2 + (1 - t)^2)."""
    asked = []

    def field(z, t):
        asked.append(len(z))
        t = t.view(-1, 1, 1, 1, 1)
        return (2 * t - 1) * z / (t**2 + (1 - t) ** 2)

    system = SYSTEMS.make("lorenz63")
    states = torch.randn(64, 1, *system.shape, generator=stream(0), dtype=torch.float64)
    made = Experiment(
        system=system, truth="lorenz63", prior=DenoiserPrior(VelocityField(field), states),
        methods=DAISI(members=4, steps=3, inversion_steps=3), seed=1, members=4,
        network=network(OPERATORS["identity"](system), noise=0.2),
        schedule=Schedule(cycles=2, burn_in=0),
    )
    asked.clear()
    scores = dalab.execute(made)["metrics"].to_dataset().isel(method=0)
    assert str(scores["status"].values).startswith("complete")
    assert asked == [4] * (2 * (2 + 3))  # the first step of an inversion is known without it
