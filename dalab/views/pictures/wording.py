"""Wording of states, progress, durations and scores."""

from __future__ import annotations

import math

from ...experiments.run import MethodScores, Progress
from ...experiments.service.queue import QueuePosition
from ...metrics.columns import format_score

BEFORE = "the run before"
"""Name of the run shown once the choices differ from it."""

ENDINGS = {"done": "Done", "cancelled": "Stopped", "failed": "Failed"}


def duration(seconds: float) -> str:
    """Format a duration: ``0.4 s``, ``12 s``, ``3 min 20 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def wait(seconds: float) -> str:
    """Format a waiting time: ``10 s``, ``1 min 30 s``, ``7 min``.

    It is rounded up to the precision of the estimate, so that a waiting page is updated only now
    and then and not at every poll.
    """
    step = 10 if seconds <= 120 else 60
    return _rounded(max(math.ceil(seconds / step), 1) * step)


def time_left(seconds: float) -> str:
    """Describe a remaining time as exactly as it is known: ``about 20 s left``."""
    if seconds < 1:
        return "less than 1 s left"
    steps = ((10, 1), (60, 5), (600, 10), (math.inf, 60))
    step = next(step for limit, step in steps if seconds <= limit)
    return f"about {_rounded(round(seconds / step) * step)} left"


def _rounded(seconds: int) -> str:
    """Format whole seconds; minutes only, where there are hours."""
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    named = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in named if number)


def ordinal(number: int) -> str:
    """Format an ordinal number: ``1st``, ``2nd``, ``3rd``, ``4th``, ``11th``."""
    tens, ones = divmod(number, 10)
    return f"{number}{'th' if tens % 10 == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(ones, 'th')}"


def queue_line(position: QueuePosition) -> str:
    """Describe the queue position of a run and its expected waiting time."""
    line = "Next in line" if not position.ahead else f"{ordinal(position.ahead + 1)} in line"
    return line if position.seconds is None else f"{line} · about {wait(position.seconds)}"


def status_line(state: str, progress: Progress, position: QueuePosition | None = None) -> str:
    """Describe the state of a run in one line: queue position, progress or ending."""
    if position is not None:
        return queue_line(position)
    if state in ENDINGS:
        return f"{ENDINGS[state]} after {duration(progress.elapsed)}"
    parts = ["Preparing truth and observations"]
    if progress.method:
        parts = [f"{progress.method} ({progress.method_index + 1} of {progress.methods})",
                 f"{progress.fraction:.0%}"]
    if progress.remaining is not None:
        parts.append(time_left(progress.remaining))
    return " · ".join([*parts, progress.note] if progress.note else parts)


def progress_note(known: MethodScores) -> str:
    """Write the share of a running method that is done; empty for any other.

    The time left is that of the run, and stands in its status line alone.
    """
    begun = known.status == "running" and 0 < known.fraction < 1
    return f"{known.fraction:.0%}" if begun else ""


def before_note(note: str) -> str:
    """Write the subtitle of a map of the run before."""
    return " · ".join(part for part in (note, BEFORE.removeprefix("the ")) if part)


def score_note(status: str, rmse: float | None, more: str = "") -> str:
    """Write the subtitle of a method's map: its error at the time shown, or why there is none.

    Args:
        status: status of the method.
        rmse: RMSE at the time shown, if there is an estimate.
        more: text to append.
    """
    kind, _, why = status.partition(": ")
    parts = [] if rmse is None else [f"RMSE {format_score(rmse)}"]
    if status.startswith("complete; "):
        parts.append(status.removeprefix("complete; "))
    elif kind == "failed":
        parts.append(f"failed: {why}")
    elif kind == "cancelled":
        parts.append("stopped")
    elif rmse is None:
        parts.append("waiting" if kind in ("waiting", "running") else "not run yet")
    return " · ".join([*parts, more] if more else parts)
