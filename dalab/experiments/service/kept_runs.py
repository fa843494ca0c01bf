"""Runs kept after their page is closed, retrieved by a secret key."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Cancellable(Protocol):
    """Interface of a run that can be kept."""

    @property
    def over(self) -> bool:
        """True if the run has ended."""

    def cancel(self) -> None:
        """End the run now."""


class KeptRuns:
    """A bounded number of runs by key, each kept for a bounded time after its end.

    Args:
        most: maximum number of runs; beyond it the oldest one is dropped, finished runs first.
        seconds: time that a run is kept after its end or its last retrieval [s].
    """

    def __init__(self, most: int = 16, seconds: float = 3600.0) -> None:
        self.most, self.seconds = most, seconds
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[Cancellable, float]] = {}

    def put(self, key: str, run: Cancellable) -> None:
        """Keep a run, replacing any other with the same key."""
        with self._lock:
            self._runs.pop(key, None)
            self._sweep()
            for _ in range(len(self._runs) - self.most + 1):
                first = min(self._runs, key=lambda k: not self._runs[k][0].over)
                self._runs.pop(first)[0].cancel()
            self._runs[key] = run, time.monotonic()

    def get(self, key: str) -> Cancellable | None:
        """Return the run of a key; it stays kept."""
        with self._lock:
            self._sweep()
            found = self._runs.get(key)
            if found is None:
                return None
            self._runs[key] = found[0], time.monotonic()
            return found[0]

    def drop(self, key: str) -> None:
        """Stop keeping a run, without cancelling it."""
        with self._lock:
            self._runs.pop(key, None)

    def _sweep(self) -> None:
        """Drop runs that ended long ago; restart the time of those still going on."""
        now = time.monotonic()
        for key, (run, since) in list(self._runs.items()):
            if not run.over:
                self._runs[key] = run, now
            elif now - since > self.seconds:
                del self._runs[key]
