"""Waiting for a device: first come, first served, and owners take turns.

The rank of a waiting turn is the number of turns of the same owner before it, at work or waiting.
The lowest rank is served next, the earliest arrival first, and when a turn is over the others of
its owner count as just arrived: whoever hands in ten runs at once keeps nobody waiting for all ten.
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
"""Seconds that a turn at work still needs, as far as it knows."""


class QueuePosition(NamedTuple):
    """A place in the line.

    Attributes:
        ahead: turns that are served before, 0 for the next one.
        seconds: estimated time until this one is served [s]; ``None`` before anything is known.
    """

    ahead: int
    seconds: float | None


class RunQueue:
    """Everybody who waits for one device.

    Args:
        concurrency: turns served at the same time.
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
        """Stand in line.

        Args:
            owner: who shares turns among its own.
            left: how long this turn still needs once it is served.
            longest: turns that may wait in all.
            each: turns that one owner may have, waiting or served.

        Raises:
            InputError: if the line or the owner's share of it is full.
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
            ticket = Ticket(self, owner, left)
            self._waiting.append(ticket)
            self._start_next()
        return ticket

    def waiting(self) -> list[Ticket]:
        """Those who wait, the next one first."""
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
        return QueuePosition(order.index(ticket), self._seconds(order.index(ticket), active, took))

    def _seconds(self, ahead: int, active: list[Ticket], took: float | None) -> float | None:
        """Time until the turn with so many ahead of it is served [s]."""
        left = [ticket.left() for ticket in active]
        known = [seconds for seconds in left if seconds is not None]
        if len(known) < len(left) or not known:
            return None
        if took is None:
            now = time.perf_counter()
            took = sum(now - t.started + s for t, s in zip(active, known, strict=True)) / len(known)
        return (sum(known) / len(known) + ahead * took) / self.concurrency


class Ticket:
    """A turn in a queue; made by :meth:`RunQueue.join`.

    Args:
        queue: the queue that it stands in.
        owner: whose it is.
        left: how long it still needs once it is served [s].
    """

    def __init__(self, queue: RunQueue, owner: Hashable, left: RemainingTime) -> None:
        self.owner, self.left = owner, left
        self.arrived, self.started = time.perf_counter(), 0.0
        self.called = threading.Event()
        self._queue = queue

    def start(self) -> None:
        """It is served from now on."""
        self.started = time.perf_counter()
        self.called.set()

    def wait(self) -> bool:
        """Wait until it is served, or gives up; return whether it is served."""
        self.called.wait()
        return self.started > 0

    @property
    def position(self) -> QueuePosition | None:
        """Where it stands; ``None`` once it is served or has left."""
        return None if self.called.is_set() else self._queue._position(self)

    def give_up(self) -> None:
        """Leave the line; nothing happens if it is being served."""
        self._queue._leave(self, even_active=False)

    def leave(self) -> None:
        """Leave for good, and let the next one be served."""
        self._queue._leave(self, even_active=True)


def _check_capacity(what: str, count: int, limit: float, remedy: str) -> None:
    if count >= limit:
        raise InputError(what, count, f"must be below the limit of {limit:.0f}", remedy)
