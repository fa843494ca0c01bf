"""Turns of jobs: bounded in number, the shortest first, and for a while only."""

from __future__ import annotations

import threading
import time

from dalab.interruption import check_interruption
from dalab.views.model import time_slices
from dalab.views.model.background import WORKERS, LatestTaskWorker
from dalab.views.model.time_slices import Turns


def wait_until(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def thread(job) -> threading.Thread:
    started = threading.Thread(target=job)
    started.start()
    return started


def test_so_many_work_at_a_time_and_the_first_to_come_is_next():
    turns, going, order, most = Turns(2), [], [], []
    gates = [threading.Event() for _ in range(6)]

    def job(number):
        with turns.turn():
            order.append(number)
            going.append(number)
            most.append(len(going))
            gates[number].wait(10)
            going.remove(number)

    threads = []
    for number in range(6):
        threads.append(thread(lambda number=number: job(number)))
        wait_until(lambda number=number: len(order) + len(turns._line) == number + 1)
    for number, gate in enumerate(gates):
        gate.set()
        wait_until(lambda number=number: len(order) == min(number + 3, 6))
    for one in threads:
        one.join(10)
    assert order == list(range(6)) and max(most) == 2 and turns._free == 2


def test_a_job_that_fails_passes_its_turn_on():
    turns = Turns(1)
    for _ in range(2):
        try:
            with turns.turn():
                raise ValueError
        except ValueError:
            pass
    assert turns._free == 1


def test_a_long_job_gives_way_and_goes_on(monkeypatch):
    monkeypatch.setattr(time_slices, "SLICE", 0.01)
    turns, events, begun = Turns(1), [], threading.Event()

    def long():
        with turns.turn() as time_slice:
            begun.set()
            wait_until(lambda: bool(turns._line))
            time.sleep(0.02)
            assert time_slice.rest() > 0
            events.append("long")

    def short():
        with turns.turn():
            events.append("short")

    first = thread(long)
    begun.wait(10)
    second = thread(short)
    first.join(10)
    second.join(10)
    assert events == ["short", "long"] and turns._free == 1


def test_a_job_gives_way_only_to_those_that_have_worked_less(monkeypatch):
    turns, order = Turns(1), []
    with turns.turn():
        jobs = []
        for worked in (3.0, 1.0, 2.0):
            jobs.append(thread(lambda worked=worked: (turns._join(worked).wait(10),
                                                      order.append(worked))))
            wait_until(lambda: len(turns._line) == len(jobs))
        turns.give_way(0.5)
        assert len(turns._line) == 3, "all have worked more"
        for left in (2, 1, 0):
            with turns._lock:
                turns._pass_on()
            wait_until(lambda left=left: len(order) == 3 - left)
    for job in jobs:
        job.join(10)
    assert order == [1.0, 2.0, 3.0]


def test_jobs_without_end_do_not_keep_a_preview_waiting():
    def forever():
        while True:
            check_interruption()
            time.sleep(0.001)

    busy = [LatestTaskWorker("dalab preview") for _ in range(6)]
    for worker in busy:
        worker.submit(forever)
    wait_until(lambda: len(WORKERS._line) >= 4)
    quick, start = LatestTaskWorker("dalab preview"), time.monotonic()
    quick.submit(lambda: "answer")
    answers: list = []
    wait_until(lambda: answers.append(quick.take()) or answers[-1] is not None)
    assert answers[-1] == "answer" and time.monotonic() - start < 5, "0.6 s on an idle machine"
    for worker in busy:
        worker.drop()
    wait_until(lambda: WORKERS._free == 2)


def test_time_in_line_does_not_count_towards_the_limit():
    held, gate = [], threading.Event()

    def hold():
        gate.wait(10)
        return "held"

    for _ in range(2):
        held.append(LatestTaskWorker("dalab preview"))
        held[-1].submit(hold)
    waits = LatestTaskWorker("dalab preview", seconds=0.2)
    waits.submit(lambda: check_interruption() or "in time")
    time.sleep(0.4)
    gate.set()
    answers: list = []
    wait_until(lambda: answers.append(waits.take()) or answers[-1] is not None)
    assert answers[-1] == "in time"
