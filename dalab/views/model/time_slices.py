"""Fair turns on a bounded number of workers: a long job gives way to those that wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

SLICE = 0.2
"""Time for which a job works while others wait [s]."""


class Turns:
    """Turns of jobs, of which a bounded number works at a time, in the order of their arrival.

    Args:
        count: number of jobs that work at a time.
    """

    def __init__(self, count: int) -> None:
        self._lock, self._free = threading.Lock(), count
        self._line: deque[threading.Event] = deque()

    @contextmanager
    def turn(self) -> Iterator[Slice]:
        """Wait for a turn, and have it for a block."""
        with self._lock:
            called = self._join() if not self._free or self._line else None
            self._free -= called is None
        if called is not None:
            called.wait()
        try:
            yield Slice(self)
        finally:
            with self._lock:
                self._pass_on()

    def give_way(self) -> None:
        """Let those that wait have their turns first; called by a job that has one."""
        with self._lock:
            if not self._line:
                return
            called = self._join()
            self._pass_on()
        called.wait()

    def _join(self) -> threading.Event:
        self._line.append(threading.Event())
        return self._line[-1]

    def _pass_on(self) -> None:
        """Give a turn to the next in line, or keep it free."""
        if self._line:
            self._line.popleft().set()
        else:
            self._free += 1


class Slice:
    """The time that a job has worked since it gave way the last time.

    Args:
        turns: the turns, of which the job has one.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns, self._since = turns, time.monotonic()

    def rest(self) -> float:
        """Give way if the slice is over; return the time that this took [s]."""
        start = time.monotonic()
        if start - self._since < SLICE:
            return 0.0
        self._turns.give_way()
        self._since = time.monotonic()
        return self._since - start
