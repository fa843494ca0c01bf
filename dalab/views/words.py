"""How the lab says where it stands."""

from __future__ import annotations

from ..experiments.run import Progress

ENDINGS = {"done": "Done", "cancelled": "Stopped", "failed": "Failed"}


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def spelt(value: float, digits: int = 3) -> str:
    """A score with some digits, a power of ten if it has diverged, a dash if it is not known."""
    if value != value:
        return "–"
    return f"{value:.{digits}f}" if value < 1e5 else f"{value:.0e}"


def standing(state: str, progress: Progress) -> str:
    """One line for a state of a run and its progress."""
    if state in ENDINGS:
        return f"{ENDINGS[state]} after {duration(progress.elapsed)}"
    if not progress.method:
        return "Preparing truth and observations"
    line = f"{progress.method} ({progress.method_index + 1} of {progress.methods})"
    line += f" · {progress.fraction:.0%}"
    if progress.remaining is not None:
        line += f" · about {duration(progress.remaining)} left"
    return f"{line} · {progress.note}" if progress.note else line


def score_note(status: str, rmse: float | None) -> str:
    """The words under the name of a method: its error on the day on show, or why it has none."""
    kind, _, why = status.partition(": ")
    parts = [] if rmse is None else [f"RMSE {spelt(rmse)}"]
    if kind == "failed":
        parts.append(f"failed: {why}")
    elif kind == "cancelled":
        parts.append("stopped")
    elif rmse is None:
        parts.append("waiting" if kind in ("waiting", "running") else "not run yet")
    return " · ".join(parts)
