"""Turns on a bounded number of workers: a long job gives way to those that have worked less."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SLICE = 0.1
"""Time for which a job works before it gives way [s]."""


class Turns:
    """Turns of jobs, of which a bounded number works at a time.

    Next is the job that has worked least so far; among those that are new, the first to come.

    Args:
        count: number of jobs that work at a time.
    """

    def __init__(self, count: int) -> None:
        self._lock, self._free = threading.Lock(), count
        self._line: list[tuple[float, int, threading.Event]] = []
        self._arrivals = itertools.count()

    @contextmanager
    def turn(self) -> Iterator[Slice]:
        """Wait for a turn, and have it for a block."""
        with self._lock:
            called = None if self._free else self._join(0.0)
            self._free -= called is None
        if called is not None:
            called.wait()
        try:
            yield Slice(self)
        finally:
            with self._lock:
                self._pass_on()

    def give_way(self, worked: float) -> None:
        """Let those that have worked less have their turns first; called by a job that has one.

        Args:
            worked: time for which the job has worked [s].
        """
        with self._lock:
            if not self._line or self._line[0][0] >= worked:
                return
            called = self._join(worked)
            self._pass_on()
        called.wait()

    def _join(self, worked: float) -> threading.Event:
        called = threading.Event()
        heapq.heappush(self._line, (worked, next(self._arrivals), called))
        return called

    def _pass_on(self) -> None:
        """Give a turn to the next in line, or keep it free."""
        if self._line:
            heapq.heappop(self._line)[-1].set()
        else:
            self._free += 1


class Slice:
    """The time that a job has worked, and since when without a rest.

    Args:
        turns: the turns, of which the job has one.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns, self._worked, self._since = turns, 0.0, time.monotonic()

    def rest(self) -> float:
        """Give way if the slice is over; return the time that this took [s]."""
        now = time.monotonic()
        if now - self._since < SLICE:
            return 0.0
        self._worked += now - self._since
        self._turns.give_way(self._worked)
        self._since = time.monotonic()
        return self._since - now
