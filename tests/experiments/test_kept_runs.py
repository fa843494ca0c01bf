"""Things held by key: bounded in number and in time."""

from __future__ import annotations

import pytest

from dalab.errors import InputError
from dalab.experiments.service import kept_runs
from dalab.experiments.service.kept_runs import KeptRuns


class StubRun:
    """Something that ends when it is told to."""

    def __init__(self, over: bool = False) -> None:
        self.over, self.cancelled = over, False

    def cancel(self) -> None:
        self.over = self.cancelled = True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(kept_runs.time, "monotonic", lambda: now[0])
    return now


def test_a_kept_run_stays_until_it_is_dropped():
    runs, run = KeptRuns(), StubRun()
    runs.put("key", run)
    assert runs.get("key") is run and runs.get("key") is run
    assert runs.get("other") is None
    runs.drop("key")
    runs.drop("key")
    assert runs.get("key") is None and not run.cancelled


def test_the_newest_takes_the_place_of_the_same_key():
    runs, first, second = KeptRuns(most=1), StubRun(), StubRun()
    runs.put("key", first)
    runs.put("key", second)
    assert runs.get("key") is second and not first.cancelled


def test_what_ended_makes_room_before_what_goes_on():
    runs = KeptRuns(most=2)
    going, ended, new = StubRun(), StubRun(over=True), StubRun()
    for key, run in (("going", going), ("ended", ended), ("new", new)):
        runs.put(key, run)
    assert runs.get("ended") is None and runs.get("going") is going
    runs.put("newer", StubRun())
    assert runs.get("going") is None and going.cancelled, "nobody can find it any more"


def test_time_runs_from_the_end_and_anew_from_every_look(clock):
    runs, run = KeptRuns(seconds=60), StubRun()
    runs.put("key", run)
    clock[0] += 1000
    assert runs.get("key") is run, "it goes on"
    run.over = True
    for _ in range(3):
        clock[0] += 50
        assert runs.get("key") is run
    clock[0] += 61
    assert runs.get("key") is None


def test_the_runs_of_one_owner_push_out_no_others():
    runs, mine = KeptRuns(most=2), StubRun(over=True)
    runs.put("mine", mine, "me")
    theirs = [StubRun() for _ in range(5)]
    for number, run in enumerate(theirs):
        runs.put(f"{number}", run, "other")
    assert runs.get("mine") is mine and not mine.cancelled
    assert [run.cancelled for run in theirs] == [True, True, True, False, False]


def test_where_all_places_are_taken_by_others_a_run_is_not_kept():
    runs = KeptRuns(in_all=3)
    kept = [StubRun() for _ in range(3)]
    for number, run in enumerate(kept):
        runs.put(f"{number}", run, f"owner {number}")
    with pytest.raises(InputError, match="runs kept for others = 3: must be below 3"):
        runs.put("new", StubRun(), "me")
    assert not any(run.cancelled for run in kept) and runs.get("new") is None
    newer = StubRun()
    runs.put("0", newer, "owner 0")
    assert runs.get("0") is newer, "it has a place already"
