"""Runs kept after their page is closed, retrieved by a secret key."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple, Protocol

from ...errors import InputError


class Cancellable(Protocol):
    """Interface of a run that can be kept."""

    @property
    def over(self) -> bool:
        """True if the run has ended."""

    def cancel(self) -> None:
        """End the run now."""


class _Kept(NamedTuple):
    """A run, the time of its end or last retrieval, and its owner."""

    run: Cancellable
    since: float
    owner: str


class KeptRuns:
    """A bounded number of runs by key, each kept for a bounded time after its end.

    Args:
        most: maximum number of runs of one owner; beyond it the oldest one is dropped, finished
            runs first.
        seconds: time that a run is kept after its end or its last retrieval [s].
        in_all: maximum number of runs; beyond it no other is kept.
    """

    def __init__(self, most: int = 16, seconds: float = 3600.0, in_all: int = 32) -> None:
        self.most, self.seconds, self.in_all = most, seconds, in_all
        self._lock = threading.Lock()
        self._runs: dict[str, _Kept] = {}

    def put(self, key: str, run: Cancellable, owner: str = "") -> None:
        """Keep a run, replacing any other with the same key.

        Args:
            key: the secret by which it is found again.
            run: the run.
            owner: session it belongs to; only runs of the same one are dropped for it.

        Raises:
            InputError: if there are too many runs of others.
        """
        with self._lock:
            self._sweep()
            others = [k for k, kept in self._runs.items() if k != key and kept.owner != owner]
            if len(others) >= self.in_all:
                raise InputError(
                    "runs kept for others", len(others), f"must be below {self.in_all}",
                    "Leave the page open, or try again in an hour.",
                )
            self._runs.pop(key, None)
            self._drop_oldest(owner, min(self.most, self.in_all - len(others)))
            self._runs[key] = _Kept(run, time.monotonic(), owner)

    def _drop_oldest(self, owner: str, most: int) -> None:
        """Drop runs of an owner until there is room for one more, finished runs first."""
        own = [k for k, kept in self._runs.items() if kept.owner == owner]
        own.sort(key=lambda k: not self._runs[k].run.over)
        for key in own[: max(len(own) - most + 1, 0)]:
            self._runs.pop(key).run.cancel()

    def get(self, key: str) -> Cancellable | None:
        """Return the run of a key; it stays kept."""
        with self._lock:
            self._sweep()
            found = self._runs.get(key)
            if found is None:
                return None
            self._runs[key] = found._replace(since=time.monotonic())
            return found.run

    def holds(self, run: Cancellable) -> bool:
        """Return True if a run is kept under any key."""
        with self._lock:
            self._sweep()
            return any(kept.run is run for kept in self._runs.values())

    def drop(self, key: str) -> None:
        """Stop keeping a run, without cancelling it."""
        with self._lock:
            self._runs.pop(key, None)

    def _sweep(self) -> None:
        """Drop runs that ended long ago; restart the time of those still going on."""
        now = time.monotonic()
        for key, kept in list(self._runs.items()):
            if not kept.run.over:
                self._runs[key] = kept._replace(since=now)
            elif now - kept.since > self.seconds:
                del self._runs[key]
