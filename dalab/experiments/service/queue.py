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

Left = Callable[[], float | None]
"""Seconds that a turn at work still needs, as far as it knows."""


class Place(NamedTuple):
    """A place in the line.

    Attributes:
        ahead: turns that are served before, 0 for the next one.
        seconds: estimated time until this one is served [s]; ``None`` before anything is known.
    """

    ahead: int
    seconds: float | None


class Line:
    """Everybody who waits for one device.

    Args:
        slots: turns served at the same time.
    """

    def __init__(self, slots: float = 1) -> None:
        self.slots = slots
        self._lock = threading.Lock()
        self._waiting: list[Turn] = []
        self._served: list[Turn] = []
        self._took: deque[float] = deque(maxlen=8)

    def join(
        self, owner: Hashable, left: Left = lambda: None,
        longest: float = math.inf, each: float = math.inf,
    ) -> Turn:
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
            own = sum(turn.owner == owner for turn in self._waiting + self._served)
            _room("runs of this session", own, each, "Stop one, or wait until one has ended.")
            if len(self._served) >= self.slots:
                _room("runs in line", len(self._waiting), longest, "Try again in a few minutes.")
            turn = Turn(self, owner, left)
            self._waiting.append(turn)
            self._serve()
        return turn

    def places(self) -> list[Turn]:
        """Those who wait, the next one first."""
        with self._lock:
            return self._order()

    def _order(self) -> list[Turn]:
        before = Counter(turn.owner for turn in self._served)
        ranked = {}
        for turn in self._waiting:
            ranked[turn] = before[turn.owner], turn.arrived
            before[turn.owner] += 1
        return sorted(self._waiting, key=ranked.__getitem__)

    def _serve(self) -> None:
        while self._waiting and len(self._served) < self.slots:
            turn = self._order()[0]
            self._waiting.remove(turn)
            self._served.append(turn)
            turn.begin()

    def _leave(self, turn: Turn, even_served: bool) -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                turn.called.set()
            elif even_served and turn in self._served:
                self._served.remove(turn)
                self._took.append(time.perf_counter() - turn.began)
                for other in self._waiting:
                    if other.owner == turn.owner:
                        other.arrived = time.perf_counter()
                self._serve()

    def _place(self, turn: Turn) -> Place | None:
        with self._lock:
            order = self._order()
            served = list(self._served)
            took = sum(self._took) / len(self._took) if self._took else None
        if turn not in order:
            return None
        return Place(order.index(turn), self._seconds(order.index(turn), served, took))

    def _seconds(self, ahead: int, served: list[Turn], took: float | None) -> float | None:
        """Time until the turn with so many ahead of it is served [s]."""
        left = [turn.left() for turn in served]
        known = [seconds for seconds in left if seconds is not None]
        if len(known) < len(left) or not known:
            return None
        if took is None:
            now = time.perf_counter()
            took = sum(now - t.began + s for t, s in zip(served, known, strict=True)) / len(known)
        return (sum(known) / len(known) + ahead * took) / self.slots


class Turn:
    """A turn in a line; made by :meth:`Line.join`.

    Args:
        line: where it stands.
        owner: whose it is.
        left: how long it still needs once it is served [s].
    """

    def __init__(self, line: Line, owner: Hashable, left: Left) -> None:
        self.owner, self.left = owner, left
        self.arrived, self.began = time.perf_counter(), 0.0
        self.called = threading.Event()
        self._line = line

    def begin(self) -> None:
        """It is served from now on."""
        self.began = time.perf_counter()
        self.called.set()

    def wait(self) -> bool:
        """Wait until it is served, or gives up; return whether it is served."""
        self.called.wait()
        return self.began > 0

    @property
    def place(self) -> Place | None:
        """Where it stands; ``None`` once it is served or has left."""
        return None if self.called.is_set() else self._line._place(self)

    def give_up(self) -> None:
        """Leave the line; nothing happens if it is being served."""
        self._line._leave(self, even_served=False)

    def leave(self) -> None:
        """Leave for good, and let the next one be served."""
        self._line._leave(self, even_served=True)


def _room(what: str, count: int, limit: float, remedy: str) -> None:
    if count >= limit:
        raise InputError(what, count, f"must be below the limit of {limit:.0f}", remedy)
