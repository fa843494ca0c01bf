"""Noise at the end of intervals, the Euler scheme, and the settings of CCDM that have them."""

from __future__ import annotations

import pytest
import torch

from dalab import Config
from dalab.errors import InputError
from dalab.experiments.cycles.twin import CycledTwin
from dalab.experiments.experiment import Experiment
from dalab.random import stream
from dalab.systems import SYSTEMS

SETTINGS = {
    "lorenz63-ccdm": {"dt": 0.01, "interval": 0.1, "scheme": "euler", "interval_noise": 0.01},
    "lorenz63-ccdm:interval=0.01,interval_noise=0.31622777": {"dt": 0.01, "interval": 0.01},
    "lorenz96-ccdm": {"d": 40, "dt": 0.01, "interval": 0.1, "interval_noise": 0.1},
    "lorenz96-ccdm:d=10": {"d": 10, "forcing": 8.0, "scheme": "euler"},
    "random-walk": {"interval": 0.1, "interval_noise": 0.1},
}


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_of_ccdm(text):
    system = SYSTEMS.make(text)
    assert {name: getattr(system, name) for name in SETTINGS[text]} == SETTINGS[text]
    assert SYSTEMS.make(system.name) == system


def test_euler_steps_are_those_of_the_tendency():
    system = SYSTEMS.make("lorenz63-ccdm:interval_noise=0")
    q = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64).reshape(3, 1, 1)
    by_hand = q
    for _ in range(10):
        by_hand = by_hand + 0.01 * system.tendency(by_hand)
    found = system.physical(system.step(system.normalised(q)))
    torch.testing.assert_close(found, by_hand)


@pytest.mark.parametrize("text, std", [("lorenz63-ccdm", 0.01), ("lorenz96-ccdm:d=10", 0.1)])
def test_noise_comes_once_an_interval_and_needs_a_generator(text, std):
    system = SYSTEMS.make(text)
    x = 0.1 * torch.randn(1, *system.shape, generator=stream(0), dtype=torch.float64)
    quiet = system.step(x)
    assert torch.equal(quiet, SYSTEMS.make(text).with_options(interval_noise=0).step(x))
    loud = system.step(x.expand(4000, *system.shape), generator=stream(1))
    difference = system.physical(loud) - system.physical(quiet)
    assert difference.std(0).mean() == pytest.approx(std, rel=0.03)
    path = system.trajectory(x, 3, stream(1))
    torch.testing.assert_close(path[:, 1:2], system.step(x, 1, stream(1)).unsqueeze(1))


def test_a_walk_adds_up_its_steps():
    walk = SYSTEMS.make("random-walk:interval_noise=0.2")
    x = torch.zeros(20_000, 1, 1, 1, dtype=torch.float64)
    assert float(walk.step(x, 4, stream(0)).std()) == pytest.approx(0.4, rel=0.02)
    start = walk.sample_climate(20_000, stream(1)).flatten()
    assert float((start > 0).double().mean()) == pytest.approx(0.5, abs=0.015)
    assert float(start.abs().mean()) == pytest.approx(1.0, abs=0.003)
    assert float(start.abs().std()) == pytest.approx(0.1, rel=0.02)


CYCLED = {
    "system": "lorenz63-ccdm", "truth": "lorenz63-ccdm:interval_noise=0", "masks": "full",
    "operators": "identity:units=physical", "start": "normal:std=2,truth=True", "cycles": 3,
    "methods": "enkf-simulated", "repeats": 3000, "members": 2,
}


def test_truths_may_start_as_the_members_do():
    twin = CycledTwin(Experiment.of(Config(**CYCLED)))
    start = twin.system.physical(twin.start())
    assert start.shape == (3000, 3, 1, 1)
    assert float(start.std()) == pytest.approx(2.0, rel=0.03) and abs(float(start.mean())) < 0.1
    climate = CycledTwin(Experiment.of(Config(**{**CYCLED, "start": "normal:std=2"}))).start()
    assert float(climate.std()) == pytest.approx(1.0, rel=0.1)


def test_truths_have_no_noise_where_their_system_has_none():
    twin = CycledTwin(Experiment.of(Config(**{**CYCLED, "repeats": 2})))
    start = twin.start()
    assert torch.equal(twin.advance(start, 1), twin.nature.system.step(start))


def test_recorded_truths_start_where_they_start():
    experiment = Experiment.of(Config(**{**CYCLED, "repeats": 1}))
    frames = torch.zeros(5, 3, 1, 1)
    with pytest.raises(InputError, match="recorded truths"):
        Experiment(
            system=experiment.system, network=experiment.network, methods=experiment.methods,
            truth=frames, schedule=experiment.schedule, start="normal:truth=True",
        )
