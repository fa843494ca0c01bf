"""The line before a device: its order, its places and its limits. No thread computes anything."""

from __future__ import annotations

import threading

import pytest

from dalab.errors import InputError
from dalab.experiments.service.queue import Line, Place


def served(line: Line, turns: dict) -> list[str]:
    """Names of the turns in the order in which they are served, one leaving after the other."""
    order = []
    while len(order) < len(turns):
        [now] = [n for n, turn in turns.items() if turn.called.is_set() and n not in order]
        order.append(now)
        turns[now].leave()
    return order


def test_first_come_first_served():
    line = Line()
    turns = {name: line.join(name) for name in "abcd"}
    assert [turn.place and turn.place.ahead for turn in turns.values()] == [None, 0, 1, 2]
    assert served(line, turns) == list("abcd")


def test_owners_take_turns():
    line = Line()
    turns = {f"{owner}{i}": line.join(owner) for owner, count in (("a", 4), ("b", 2), ("c", 1))
             for i in range(count)}
    assert served(line, turns) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_whoever_asks_again_goes_to_the_end():
    line = Line()
    first, other = line.join("a"), line.join("b")
    first.leave()
    again = line.join("a")
    assert other.place is None and again.place.ahead == 0


def test_several_slots():
    line = Line(slots=2)
    turns = [line.join(i) for i in range(4)]
    assert [turn.called.is_set() for turn in turns] == [True, True, False, False]
    turns[1].leave()
    assert turns[2].called.is_set() and turns[3].place.ahead == 0


def test_whoever_gives_up_is_passed_over():
    line = Line()
    first, second, third = (line.join(name) for name in "abc")
    waiting = threading.Thread(target=second.wait)
    waiting.start()
    second.give_up()
    waiting.join(30)
    assert not waiting.is_alive() and not second.wait()
    assert third.place.ahead == 0
    first.give_up()
    assert first.wait() and not third.called.is_set(), "whoever is served stays until it leaves"
    first.leave()
    assert third.wait() and line.places() == []


def test_leaving_twice_serves_one():
    line = Line()
    first, second, third = (line.join(name) for name in "abc")
    first.leave()
    first.leave()
    assert second.called.is_set() and not third.called.is_set()


def test_the_time_until_a_turn():
    line = Line()
    first = line.join("a", lambda: 40.0)
    second, third = line.join("b"), line.join("c")
    assert second.place == Place(0, pytest.approx(40.0))
    assert third.place.seconds == pytest.approx(80.0, abs=5), "as long as the one at work takes"
    first.left = lambda: None
    assert second.place.seconds is None, "nothing is known yet"


@pytest.mark.parametrize("limits, words", [
    ({"longest": 2}, "runs in line = 2: must be below the limit of 2. Try again"),
    ({"each": 1}, "runs of this session = 1: must be below the limit of 1. Stop one"),
])
def test_a_full_line_is_refused(limits, words):
    line = Line()
    for owner in "abc":
        line.join(owner)
    with pytest.raises(InputError, match=words):
        line.join("c", **limits)
    assert len(line.places()) == 2


def test_whoever_is_served_at_once_needs_no_room_in_the_line():
    assert Line().join("a", longest=0).called.is_set()
