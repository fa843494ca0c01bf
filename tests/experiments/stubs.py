"""Methods that behave badly, slowly or predictably, and the experiment they are tried in."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import param
import pytest
import torch

from dalab.experiments.config import Config
from dalab.methods import METHODS, Method, Problem, Step
from dalab.random import MemberStreams

QUICK = Config(
    methods=("sda:schedule=power,gamma=0.1",), members=2, steps=3, device="cpu"
)
"""A real experiment of about a second."""


class Stub(Method):
    """Noise that shrinks, one step after the other."""

    steps = param.Integer(4, bounds=(2, 1000), doc="steps")

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        for done in range(1, self.steps + 1):
            self.work(done)
            x = streams.normal(problem.window) / done
            yield Step(self.spoil(x, done), done, self.steps, done, note=f"step {done}")

    def work(self, done: int) -> None:
        """What a step does besides."""

    def spoil(self, x: torch.Tensor, done: int) -> torch.Tensor:
        return x


class Waiting(Stub):
    """Waits in every step after the first until it is let go."""

    gate = threading.Event()

    def work(self, done):
        if done > 1:
            assert self.gate.wait(30)


class Diverging(Stub):
    """Becomes NaN at its third step."""

    def spoil(self, x, done):
        return x * torch.nan if done == 3 else x


class Broken(Stub):
    """Raises at its second step."""

    def work(self, done):
        if done == 2:
            raise ValueError("the covariance is not\npositive definite")


class Hungry(Stub):
    """Runs out of memory."""

    def work(self, done):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")


STUBS = {
    "stub": Stub, "waiting": Waiting, "diverging": Diverging, "broken": Broken, "hungry": Hungry
}


@pytest.fixture
def stubs(monkeypatch):
    """The stubs as registered methods."""
    for name, cls in STUBS.items():
        monkeypatch.setitem(METHODS, name, cls)
    Waiting.gate.clear()
    yield
    Waiting.gate.set()
