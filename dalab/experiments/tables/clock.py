"""Progress of tables: the runs that are there, those to make, and the time that they take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..experiment import Experiment
from ..progress import Frame, Progress
from ..timing.measured import run_times

SURE = 5.0
"""Seconds of runs that have to be made before those to come are expected to differ as they did."""


@dataclass(frozen=True)
class TableState:
    """State of a table that is being filled.

    Args:
        total: runs of the table.
        there: runs that were there at the beginning.
        made: runs made since.
        remaining: time left [s].
        run: name of the run at work; empty before the first one.
        progress: progress of this run, once it has begun.
    """

    total: int
    there: int
    made: int
    remaining: float
    run: str = ""
    progress: Progress | None = None

    @property
    def done(self) -> int:
        """Runs that are there now."""
        return self.there + self.made


Report = Callable[[TableState], None]
"""Function that is told the state of a table, at the beginning and at every step of its runs."""


def no_report(state: TableState) -> None:
    """Tell nobody."""


def seconds_of(experiment: Experiment) -> dict[str, float]:
    """Time that each method of an experiment is expected to take [s], by label."""
    return {label: run_times().expected(experiment, label) for label in experiment.methods}


class TableClock:
    """Time left of a table, and its reports.

    Args:
        total: runs of the table.
        expected: time that each run to be made is expected to take [s], in their order.
        report: told how it goes.
    """

    def __init__(self, total: int, expected: Sequence[float], report: Report = no_report) -> None:
        self.total, self.expected, self.made = total, expected, 0
        self._report, self._run = report, ""
        self._began, self._spent = time.perf_counter(), 0.0
        self._tell()

    def begin(self, run: str) -> None:
        """Note that a run begins."""
        self._run, self._began = run, time.perf_counter()
        self._tell()

    def take(self, frame: Frame) -> None:
        """Note a step of the run at work."""
        self._tell(frame.progress)

    def end(self) -> None:
        """Note that the run at work has ended."""
        self._spent += time.perf_counter() - self._began
        self.made += 1

    @property
    def remaining(self) -> float:
        """Time that the runs which have not ended are expected to take [s]."""
        return self._factor * sum(self.expected[self.made :])

    @property
    def _factor(self) -> float:
        """Time that the runs so far took over what was expected; close to 1 in the beginning."""
        return (SURE + self._spent) / (SURE + sum(self.expected[: self.made]))

    def _tell(self, progress: Progress | None = None) -> None:
        remaining = self.remaining
        if progress is not None and progress.remaining is not None:
            later = self._factor * sum(self.expected[self.made + 1 :])
            remaining = progress.remaining + later
        there = self.total - len(self.expected)
        self._report(TableState(self.total, there, self.made, remaining, self._run, progress))
