"""The line before a device: its order, its places and its limits. No thread computes anything."""

from __future__ import annotations

import threading

import pytest

from dalab.errors import InputError
from dalab.experiments.service.queue import QueuePosition, RunQueue


def order_of_service(queue: RunQueue, tickets: dict) -> list[str]:
    """Names of the turns in the order in which they are served, one leaving after the other."""
    order = []
    while len(order) < len(tickets):
        [now] = [n for n, ticket in tickets.items() if ticket.called.is_set() and n not in order]
        order.append(now)
        tickets[now].leave()
    return order


def test_first_come_first_served():
    queue = RunQueue()
    tickets = {name: queue.join(name) for name in "abcd"}
    assert [t.position and t.position.ahead for t in tickets.values()] == [None, 0, 1, 2]
    assert order_of_service(queue, tickets) == list("abcd")


def test_owners_take_turns():
    queue = RunQueue()
    tickets = {f"{owner}{i}": queue.join(owner) for owner, count in (("a", 4), ("b", 2), ("c", 1))
             for i in range(count)}
    assert order_of_service(queue, tickets) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_whoever_asks_again_goes_to_the_end():
    queue = RunQueue()
    first, other = queue.join("a"), queue.join("b")
    first.leave()
    again = queue.join("a")
    assert other.position is None and again.position.ahead == 0


def test_several_slots():
    queue = RunQueue(concurrency=2)
    tickets = [queue.join(i) for i in range(4)]
    assert [ticket.called.is_set() for ticket in tickets] == [True, True, False, False]
    tickets[1].leave()
    assert tickets[2].called.is_set() and tickets[3].position.ahead == 0


def test_whoever_gives_up_is_passed_over():
    queue = RunQueue()
    first, second, third = (queue.join(name) for name in "abc")
    waiting = threading.Thread(target=second.wait)
    waiting.start()
    second.give_up()
    waiting.join(30)
    assert not waiting.is_alive() and not second.wait()
    assert third.position.ahead == 0
    first.give_up()
    assert first.wait() and not third.called.is_set(), "whoever is served stays until it leaves"
    first.leave()
    assert third.wait() and queue.waiting() == []


def test_leaving_twice_serves_one():
    queue = RunQueue()
    first, second, third = (queue.join(name) for name in "abc")
    first.leave()
    first.leave()
    assert second.called.is_set() and not third.called.is_set()


def test_the_time_until_a_turn():
    queue = RunQueue()
    first = queue.join("a", lambda: 40.0)
    second, third = queue.join("b"), queue.join("c")
    assert second.position == QueuePosition(0, pytest.approx(40.0))
    assert third.position.seconds == pytest.approx(80.0, abs=5), "as long as the one at work takes"
    second.left = lambda: 5.0
    assert third.position.seconds == pytest.approx(45.0), "as long as it is expected to take"
    first.left = lambda: None
    assert second.position.seconds is None, "nothing is known yet"


@pytest.mark.parametrize("limits, words", [
    ({"longest": 2}, "runs in line = 2: must be below the limit of 2. Try again"),
    ({"each": 1}, "runs of this session = 1: must be below the limit of 1. Stop one"),
])
def test_a_full_line_is_refused(limits, words):
    queue = RunQueue()
    for owner in "abc":
        queue.join(owner)
    with pytest.raises(InputError, match=words):
        queue.join("c", **limits)
    assert len(queue.waiting()) == 2


def test_whoever_is_served_at_once_needs_no_room_in_the_line():
    assert RunQueue().join("a", longest=0).called.is_set()


def test_one_owner_cannot_fill_the_line():
    queue = RunQueue()
    queue.join("a", longest=4)
    for _ in range(2):
        queue.join("a", longest=4)
    with pytest.raises(InputError, match="runs of this session in line = 2: must be below .* 2"):
        queue.join("a", longest=4)
    queue.join("b", longest=4)
    queue.join("c", longest=4)
    assert len(queue.waiting()) == 4
