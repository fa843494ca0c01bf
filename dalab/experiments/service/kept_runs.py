"""Things held for somebody who comes back, found again by a key that only their owner knows."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Cancellable(Protocol):
    """What can be held."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""

    def cancel(self) -> None:
        """End it now."""


class KeptRuns:
    """A bounded number of things by key, each for a bounded time after it has ended.

    Args:
        most: things held at once; then the one that has been there longest makes room, one that
            has ended before one that goes on.
        seconds: how long after its end a thing is held [s]; looking for it starts the time anew.
    """

    def __init__(self, most: int = 16, seconds: float = 3600.0) -> None:
        self.most, self.seconds = most, seconds
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[Cancellable, float]] = {}

    def put(self, key: str, run: Cancellable) -> None:
        """Hold a thing, in the place of what had the same key."""
        with self._lock:
            self._runs.pop(key, None)
            self._sweep()
            for _ in range(len(self._runs) - self.most + 1):
                first = min(self._runs, key=lambda k: not self._runs[k][0].over)
                self._runs.pop(first)[0].cancel()
            self._runs[key] = run, time.monotonic()

    def get(self, key: str) -> Cancellable | None:
        """The thing of that key; it stays."""
        with self._lock:
            self._sweep()
            found = self._runs.get(key)
            if found is None:
                return None
            self._runs[key] = found[0], time.monotonic()
            return found[0]

    def drop(self, key: str) -> None:
        """Hold it no longer; it is left as it is."""
        with self._lock:
            self._runs.pop(key, None)

    def _sweep(self) -> None:
        """Forget what ended long ago; what goes on is as good as new."""
        now = time.monotonic()
        for key, (run, since) in list(self._runs.items()):
            if not run.over:
                self._runs[key] = run, now
            elif now - since > self.seconds:
                del self._runs[key]
