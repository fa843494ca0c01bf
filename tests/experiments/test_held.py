"""Things held by key: bounded in number and in time."""

from __future__ import annotations

import pytest

from dalab.experiments.service import kept_runs as held
from dalab.experiments.service.kept_runs import Held


class Thing:
    """Something that ends when it is told to."""

    def __init__(self, over: bool = False) -> None:
        self.over, self.cancelled = over, False

    def cancel(self) -> None:
        self.over = self.cancelled = True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(held.time, "monotonic", lambda: now[0])
    return now


def test_what_is_held_stays_until_it_is_dropped():
    things, thing = Held(), Thing()
    things.put("key", thing)
    assert things.get("key") is thing and things.get("key") is thing
    assert things.get("other") is None
    things.drop("key")
    things.drop("key")
    assert things.get("key") is None and not thing.cancelled


def test_the_newest_takes_the_place_of_the_same_key():
    things, first, second = Held(most=1), Thing(), Thing()
    things.put("key", first)
    things.put("key", second)
    assert things.get("key") is second and not first.cancelled


def test_what_ended_makes_room_before_what_goes_on():
    things = Held(most=2)
    going, ended, new = Thing(), Thing(over=True), Thing()
    for key, thing in (("going", going), ("ended", ended), ("new", new)):
        things.put(key, thing)
    assert things.get("ended") is None and things.get("going") is going
    things.put("newer", Thing())
    assert things.get("going") is None and going.cancelled, "nobody can find it any more"


def test_time_runs_from_the_end_and_anew_from_every_look(clock):
    things, thing = Held(seconds=60), Thing()
    things.put("key", thing)
    clock[0] += 1000
    assert things.get("key") is thing, "it goes on"
    thing.over = True
    for _ in range(3):
        clock[0] += 50
        assert things.get("key") is thing
    clock[0] += 61
    assert things.get("key") is None
