"""Long computations end when nobody wants them any more."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
import torch

import dalab
from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.run import Run
from dalab.experiments.service.limits import Limits
from dalab.experiments.service.service import Service
from dalab.interruption import Interrupted, check_interruption, interruptible, time_limit
from dalab.methods import METHODS
from dalab.observations import OPERATORS
from dalab.random import stream
from dalab.systems import SYSTEMS


def after(count: int):
    """A question that is answered with True from the given time on that it is asked."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= count


def test_nothing_is_interrupted_outside_and_after_a_block():
    check_interruption()
    with pytest.raises(Interrupted), interruptible(lambda: True):
        check_interruption()
    check_interruption()


def test_other_threads_are_not_interrupted():
    done = []
    with interruptible(lambda: True):
        thread = threading.Thread(target=lambda: done.append(check_interruption()))
        thread.start()
        thread.join()
    assert done == [None]


def test_a_limit_of_time():
    with time_limit(60):
        check_interruption()
    with pytest.raises(Interrupted), time_limit(0.01):
        while True:
            check_interruption()


@pytest.mark.parametrize("name", ["qg64", "lorenz63", "lorenz96", "kuramoto-sivashinsky"])
def test_systems_are_interrupted_within_a_few_steps(name):
    system = SYSTEMS.make(name)
    x = system.sample_climate(1, stream(0, name)) if name == "lorenz63" else torch.zeros(
        1, *system.shape, dtype=torch.float64
    )
    for compute in (lambda: system.step(x, 10**6), lambda: system.trajectory(x, 10**6)):
        with pytest.raises(Interrupted), interruptible(after(3)):
            compute()


@dataclass(frozen=True)
class Endless(dalab.System):
    """A system whose true windows take for ever to make."""

    shape = (1, 1, 8)
    spinup = 2

    def step(self, x, n=1, generator=None):
        return 0.9 * x

    def sample_window(self, length, streams):
        return self.trajectory(torch.zeros(self.shape), 10**9)


def run_of_endless(service: Service) -> Run:
    made = dalab.Experiment(
        system=Endless(), network=dalab.network(OPERATORS.make("identity"), noise=0.1), members=2,
        methods=[METHODS.make("oi")], window=3,
        prior=dalab.GaussianPrior.fit(torch.randn(64, 3, 1, 1, 8, generator=stream(0))),
    )
    return Run(made, service=service, owner="a").start()


def test_a_run_that_is_stopped_while_it_prepares_leaves_its_place():
    service = Service()
    run = run_of_endless(service)
    other = run_of_endless(service)
    assert other.state == "waiting"
    run.cancel()
    assert run.join(10) and other._ticket.called.wait(10)
    other.cancel()
    assert other.join(10) and run.state == other.state == "cancelled"
    assert run.error is None


def test_preparation_counts_towards_the_time_limit():
    run = run_of_endless(Service(Limits(seconds=0.2)))
    assert run.wait(10) and run.join(10) and run.state == "cancelled"
    assert "must be at most 0.2 here" in run.error


def test_a_cycled_run_is_stopped_while_it_makes_its_start(monkeypatch):
    monkeypatch.setattr("dalab.experiments.cycles.driver.Driver.begin", lambda driver: forever())
    config = Config(system="lorenz63", operators="identity", masks="full", methods="etkf",
                    members=4, cycles=3, device="cpu")
    run = Run(config, service=Service(), owner="a").start()
    run.cancel()
    assert run.join(10) and run.state == "cancelled"
    late = Run(config, service=Service(Limits(seconds=0.1))).start()
    assert late.join(10) and late.state == "cancelled" and "must be at most 0.1" in late.error


def forever() -> None:
    while True:
        check_interruption()


def test_what_is_too_large_is_refused_before_anything_is_made(monkeypatch):
    monkeypatch.setattr("dalab.experiments.experiment.Experiment.of", None)
    with pytest.raises(InputError, match="grid x window x members x methods"):
        Service(Limits(size=100)).check(Config(members=2, window=10**5))
