"""Progress of ``dalab table``: a bar on a terminal, and a line now and then anywhere else."""

from __future__ import annotations

import math
import time
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from ..experiments.progress import Progress
from ..experiments.tables.clock import TableState
from ..views.pictures.wording import time_left

RESULTS, STEPS = 10.0, 60.0
"""Seconds without a line after which, without a terminal, a result or a step gets one."""

WIDTH = 200
"""Columns of a line without a terminal."""


class TableDisplay:
    """Display of a table that is being filled, on the error stream; for use in a ``with`` block.

    Args:
        errors: where to show it.

    Attributes:
        total: runs of the table; 0 before its state is known.
    """

    def __init__(self, errors: Console | None = None) -> None:
        errors = errors or Console(stderr=True)
        self._lines = not errors.is_terminal
        if self._lines:
            errors.width = WIDTH
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[text]}"),
            console=errors, transient=True, disable=self._lines,
        )
        self._task = self._bar.add_task("preparing", total=1.0, text="")
        self._console, self._printed, self.total = errors, -math.inf, 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def report(self, state: TableState) -> None:
        """Show a state; the first one says how much there is to do."""
        self.total = state.total
        if not state.run:
            self._print(plan_line(state))
        elif self._lines and state.progress is not None and self._is_due(STEPS):
            self._print(state_line(state))
        share = 0.0 if state.progress is None else state.progress.fraction
        method = "" if state.progress is None else f"{method_line(state.progress)}  "
        self._bar.update(
            self._task, description=state.run or "preparing",
            text=f"{method}{time_left(state.remaining)}",
            completed=(state.done + share) / max(state.total, 1),
        )

    def result(self, step: Any) -> None:
        """Show a run or a row that is complete, and the time left.

        Args:
            step: a :class:`~dalab.experiments.tables.sweep.TableProgress` or a
                :class:`~dalab.experiments.tables.rows.RowProgress`.
        """
        last = step.done == step.total
        if not self._lines or last or self._is_due(RESULTS):
            left = f"  {time_left(step.remaining)}" if self._lines and not last else ""
            self._print(f"{step.done}/{step.total} {step}{left}")

    def _is_due(self, seconds: float) -> bool:
        """True if no line has been printed for some time."""
        return time.monotonic() - self._printed >= seconds

    def _print(self, line: str) -> None:
        self._printed = time.monotonic()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def plan_line(state: TableState) -> str:
    """Describe what a table has and what it lacks, before anything is computed."""
    runs = f"{state.total} run{'s' * (state.total != 1)}"
    missing = state.total - state.there
    if not missing:
        return f"{runs}: all are there"
    there = f", {state.there} of them there" if state.there else ""
    return f"{runs}{there}: {missing} to make, {time_left(state.remaining)}"


def state_line(state: TableState) -> str:
    """Describe the run at work, its method, and the time left."""
    line = f"{state.done + 1}/{state.total} {state.run}"
    if state.progress is not None:
        line += f"  {method_line(state.progress)}"
    return f"{line}  {time_left(state.remaining)}"


def method_line(progress: Progress) -> str:
    """Describe the method at work, and its place among those of the run."""
    return f"{progress.method} ({progress.method_index + 1} of {progress.methods})"
