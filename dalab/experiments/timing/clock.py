"""Progress and time left of a run: one estimate, which everything that shows a time reads.

A method is expected to take so many seconds before it has begun. Once it goes on, its own pace
counts the more the longer it has been going: the expectation weighs as much as the pace over a
tenth of the method, and at most over ``TRUST`` seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...methods import Step
from ..progress import Progress

TRUST = 1.0
"""Seconds at the pace of a method that outweigh what it was expected to take."""

OVERDUE = 0.2
"""Time left of what takes longer than expected, per second that it does."""


@dataclass(frozen=True)
class _Position:
    """A run at the last step of its running method.

    Args:
        index: number of the method.
        begun: share of it that an earlier run had done.
        since: when it began [s].
        at: when this step was done [s].
        share: share of it done.
        whole: time that all of it takes [s].
        before: time that all of the methods before it have taken [s].
        after: time that those after it are expected to take [s].
        note: note of the step.
    """

    index: int
    begun: float
    since: float
    at: float
    share: float
    whole: float
    before: float = 0.0
    after: float = 0.0
    note: str = ""

    def left(self, now: float) -> float:
        """Time left [s]."""
        if self.share == 1:
            return self.after
        passed = now - self.at
        return max(self.whole * (1 - self.share) - passed, OVERDUE * passed) + self.after

    def after_step(self, step: Step, expected: float, now: float) -> _Position:
        """The position at a later step of the same method."""
        trust = min(TRUST, expected / 10)
        done = max(step.fraction - self.begun, 0.0)
        pace = (now - self.since + trust) / max(done + trust / expected, 1e-9)
        return replace(self, at=now, share=min(step.fraction, 1.0), whole=pace, note=step.note)


@dataclass
class Clock:
    """Progress of methods that run one after the other, readable from any thread.

    Args:
        labels: the methods in the order in which they run.
        expected: function that returns the time which a method is expected to take [s].
        begun: function that returns the share of a method that an earlier run has done.
    """

    labels: Sequence[str]
    expected: Callable[[str], float]
    begun: Callable[[str], float] = lambda label: 0.0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._expected = {label: max(self.expected(label), 1e-6) for label in self.labels}
        self._position: _Position | None = None
        self._reached, self._note = 0.0, ""
        self._final: Progress | None = None
        self._start: float | None = None

    def start(self) -> None:
        """Count the time from now on; what methods need is prepared until the first begins."""
        self._start = time.perf_counter()

    def begin(self, label: str) -> None:
        """Note that a method begins, and that the one before it has ended."""
        self._expected |= {
            one: max(self.expected(one), 1e-6) for one in self.labels[self.labels.index(label) :]
        }
        now, index, share = time.perf_counter(), self.labels.index(label), self._share(label)
        before = 0.0 if self._position is None else self._position.before + self._spent(now)
        self._position = _Position(
            index=index, begun=share, since=now, at=now, share=share, before=before,
            whole=self._expected[label], after=self._coming(index + 1),
        )

    def note(self, text: str) -> None:
        """Take in how far the running method is between two steps."""
        self._note = text

    def take(self, step: Step) -> Progress:
        """Progress at a step of the method that has begun last."""
        position = self._running
        expected = self._expected[self.labels[position.index]]
        self._position, self._note = position.after_step(step, expected, time.perf_counter()), ""
        return self.progress()

    @property
    def seconds(self) -> float:
        """Time from the beginning of the running method to its last step [s]."""
        return self._running.at - self._running.since

    def stop(self) -> None:
        """Let progress stay as it is."""
        self._final = self._final or self.progress()

    def progress(self) -> Progress:
        """Progress now."""
        with self._lock:
            return self._final or self._now(time.perf_counter())

    def _now(self, now: float) -> Progress:
        position, count = self._position, len(self.labels)
        elapsed = 0.0 if self._start is None else now - self._start
        if position is None:
            left = self._coming(0) + OVERDUE * elapsed  # nobody knows how long preparations take
            return Progress(methods=count, remaining=left, elapsed=elapsed)
        left = position.left(now)
        whole = position.before + position.whole + position.after
        self._reached = max(self._reached, min(1 - left / whole, 1.0))
        return Progress(
            self.labels[position.index], position.index, count, self._reached,
            elapsed, left, ", ".join(n for n in (position.note, self._note) if n),
        )

    @property
    def _running(self) -> _Position:
        if self._position is None:
            raise RuntimeError("no method has begun")
        return self._position

    def _share(self, label: str) -> float:
        return min(self.begun(label), 1.0)

    def _spent(self, now: float) -> float:
        """Time that all of the running method takes if it ends now [s]."""
        position = self._running
        return (now - position.since) / max(1 - position.begun, 1e-6)

    def _coming(self, first: int) -> float:
        """Time that the methods from an index on are expected to take [s]."""
        return sum(
            self._expected[label] * (1 - self._share(label)) for label in self.labels[first:]
        )
