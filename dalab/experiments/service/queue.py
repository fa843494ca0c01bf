"""Fair queue of runs for a device: owners take turns, in order of arrival.

The rank of a waiting ticket is the number of active or waiting tickets of the same owner before it.
The lowest rank is next, in order of arrival; when a run ends, the other tickets of its owner count
as just arrived. So ten runs submitted at once delay other owners by one run only.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable
from typing import NamedTuple

from ...errors import InputError

RemainingTime = Callable[[], float | None]
"""Estimated time that a ticket takes, or has left once it is active [s], or ``None``."""


class QueuePosition(NamedTuple):
    """Position of a ticket in the queue.

    Attributes:
        ahead: tickets ahead of this one, 0 for the next.
        seconds: estimated waiting time [s]; ``None`` if unknown.
    """

    ahead: int
    seconds: float | None


class RunQueue:
    """Queue of the runs that wait for one device.

    Args:
        concurrency: number of runs at the same time.
    """

    def __init__(self, concurrency: float = 1) -> None:
        self.concurrency = concurrency
        self._lock = threading.Lock()
        self._waiting: list[Ticket] = []
        self._active: list[Ticket] = []
        self._durations: deque[float] = deque(maxlen=8)

    def join(
        self, owner: Hashable, left: RemainingTime = lambda: None,
        longest: float = math.inf, each: float = math.inf,
    ) -> Ticket:
        """Enter the queue.

        Args:
            owner: owner of the run; owners take turns.
            left: function that returns how long the run takes, or has left once it is active [s].
            longest: maximum number of waiting tickets, of which one owner may have half.
            each: maximum number of tickets of one owner, waiting or active.

        Raises:
            InputError: if the queue or the owner's share of it is full.
        """
        with self._lock:
            own = sum(ticket.owner == owner for ticket in self._waiting + self._active)
            _check_capacity(
                "runs of this session", own, each, "Stop one, or wait until one has ended."
            )
            if len(self._active) >= self.concurrency:
                _check_capacity(
                    "runs in line", len(self._waiting), longest, "Try again in a few minutes."
                )
                _check_capacity(
                    "runs of this session in line",
                    sum(ticket.owner == owner for ticket in self._waiting), max(1, longest / 2),
                    "Half of the line is for others: wait until one has begun.",
                )
            ticket = Ticket(self, owner, left)
            self._waiting.append(ticket)
            self._start_next()
        return ticket

    def waiting(self) -> list[Ticket]:
        """Return the waiting tickets, the next one first."""
        with self._lock:
            return self._order()

    def _order(self) -> list[Ticket]:
        before = Counter(ticket.owner for ticket in self._active)
        ranked = {}
        for ticket in self._waiting:
            ranked[ticket] = before[ticket.owner], ticket.arrived
            before[ticket.owner] += 1
        return sorted(self._waiting, key=ranked.__getitem__)

    def _start_next(self) -> None:
        while self._waiting and len(self._active) < self.concurrency:
            ticket = self._order()[0]
            self._waiting.remove(ticket)
            self._active.append(ticket)
            ticket.start()

    def _leave(self, ticket: Ticket, even_active: bool) -> None:
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                ticket.called.set()
            elif even_active and ticket in self._active:
                self._active.remove(ticket)
                self._durations.append(time.perf_counter() - ticket.started)
                for other in self._waiting:
                    if other.owner == ticket.owner:
                        other.arrived = time.perf_counter()
                self._start_next()

    def _position(self, ticket: Ticket) -> QueuePosition | None:
        with self._lock:
            order = self._order()
            active = list(self._active)
            took = sum(self._durations) / len(self._durations) if self._durations else None
        if ticket not in order:
            return None
        ahead = order[: order.index(ticket)]
        return QueuePosition(len(ahead), self._seconds(ahead, active, took))

    def _seconds(
        self, ahead: list[Ticket], active: list[Ticket], took: float | None
    ) -> float | None:
        """Estimate the waiting time behind tickets that wait and tickets that are active [s].

        A waiting one of unknown length takes as long as those before it did, or those at work do.
        """
        left = [ticket.left() for ticket in active]
        known = [seconds for seconds in left if seconds is not None]
        if len(known) < len(left) or not known:
            return None
        if took is None:
            now = time.perf_counter()
            took = sum(now - t.started + s for t, s in zip(active, known, strict=True)) / len(known)
        coming = [ticket.left() for ticket in ahead]
        needed = sum(took if seconds is None else seconds for seconds in coming)
        return (sum(known) / len(known) + needed) / self.concurrency


class Ticket:
    """A place in a queue, made by :meth:`RunQueue.join`.

    Args:
        queue: the queue.
        owner: owner of the run.
        left: function that returns how long the run takes, or has left once it is active [s].
    """

    def __init__(self, queue: RunQueue, owner: Hashable, left: RemainingTime) -> None:
        self.owner, self.left = owner, left
        self.arrived, self.started = time.perf_counter(), 0.0
        self.called = threading.Event()
        self._queue = queue

    def start(self) -> None:
        """Become active."""
        self.started = time.perf_counter()
        self.called.set()

    def wait(self) -> bool:
        """Wait until the ticket is active or withdrawn; return whether it is active."""
        self.called.wait()
        return self.started > 0

    @property
    def position(self) -> QueuePosition | None:
        """Position in the queue; ``None`` once the ticket is active or withdrawn."""
        return None if self.called.is_set() else self._queue._position(self)

    def give_up(self) -> None:
        """Leave the queue while waiting; do nothing if active."""
        self._queue._leave(self, even_active=False)

    def leave(self) -> None:
        """Leave the queue, waiting or active, and start the next run."""
        self._queue._leave(self, even_active=True)


def _check_capacity(what: str, count: int, limit: float, remedy: str) -> None:
    if count >= limit:
        raise InputError(what, count, f"must be below the limit of {math.ceil(limit)}", remedy)
