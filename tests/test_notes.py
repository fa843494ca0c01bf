"""Notes of inner loops, and those who hear them."""

from __future__ import annotations

import threading

import pytest

from dalab.experiments.config import Config
from dalab.experiments.execution import Execution
from dalab.experiments.run import open_execution
from dalab.notes import listen, listening, note


def test_notes_are_heard_in_the_block_in_this_thread_and_by_those_outside():
    note("nobody")
    outer, inner = [], []
    with listening(outer.append):
        note("one")
        with listening(inner.append):
            note("two")
            other = threading.Thread(target=note, args=["elsewhere"])
            other.start()
            other.join()
        note("three")
    note("nobody")
    assert (outer, inner) == (["one", "two", "three"], ["two"])


def test_notes_of_a_generator_are_heard_only_while_it_works():
    def work():
        for number in range(2):
            note(f"working on {number}")
            yield number

    heard = []
    for number in listen(work(), heard.append):
        note(f"looking at {number}")
    assert heard == ["working on 0", "working on 1"]


def notes(execution: Execution, monkeypatch) -> list[str]:
    """Notes of the progress of an experiment, in steps and between them."""
    seen, take = [], execution._clock.note

    def follow(text: str) -> None:
        take(text)
        seen.append(execution.progress.note)

    monkeypatch.setattr(execution._clock, "note", follow)
    for frame in execution.frames():
        seen.append(frame.progress.note)
    return seen


@pytest.mark.parametrize("method, cycles, wanted", [
    ("var4d:iterations=3", None, ["iteration 30 of 30", "iteration 2 of 3, cost"]),
    ("var4d:outer=2,inner=2", None, ["outer loop 1 of 2"]),
    ("var3d:iterations=3", None, ["iteration 1 of 3", "step 0, iteration 2 of 3"]),
    ("var4d:iterations=3", 9, ["cycle 8 of 9", "repeat 2 of 2, iteration 2 of 3, cost"]),
    ("spectral:steps=3", 9, ["repeat 1 of 2, sigma"]),
    ("pff:iterations=3", None, ["step 0", "iteration 3 of 3"]),
])
def test_long_steps_say_how_far_they_are(method, cycles, wanted, monkeypatch):
    config = Config(system="lorenz96", operators="identity", masks="full", methods=method,
                    members=2, device="cpu", cycles=cycles, repeats=2 if cycles else 1)
    seen = notes(open_execution(config), monkeypatch)
    for text in wanted:
        assert any(text in one for one in seen), (text, seen)
