"""Runs of a session that have ended, the newest last, bounded in number and memory."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...experiments.config import Config
from ...experiments.run import MethodScores
from .config_text import DEFAULT_CONFIG, difference
from .observed_run import ObservedRun

MOST = 12
"""Largest number of runs."""

MEMORY = 1 << 29
"""Bytes that the estimates of the runs may take; the newest run is kept in any case."""


@dataclass(frozen=True, eq=False)
class HistoryEntry:
    """A run that has ended and can be shown again.

    Args:
        number: of the run in its session, from 1.
        observed_run: the run with its frames.
        file: name of the file that it was read from, if any.
        when: time of its end.
    """

    number: int
    observed_run: ObservedRun
    file: str = ""
    when: datetime.datetime = field(default_factory=datetime.datetime.now)

    @property
    def config(self) -> Config:
        """The experiment."""
        return self.observed_run.config

    @property
    def scores(self) -> dict[str, MethodScores]:
        """Scores of every method, by label."""
        return self.observed_run.run.scores

    @property
    def result(self) -> Any:
        """The result, an ``xarray.DataTree``."""
        return self.observed_run.result

    @property
    def title(self) -> str:
        """``Run 3``, or the name of the file."""
        return self.file or f"Run {self.number}"

    @property
    def about(self) -> str:
        """Differences from the default experiment, apart from methods and device."""
        same = {"methods": self.config.methods, "device": self.config.device}
        found = difference(self.config, DEFAULT_CONFIG.replace(**same))
        parts = (f"{name.replace('_', ' ')} {value}" for name, value in found.items())
        return ", ".join(parts) or "the default experiment"

    @property
    def size(self) -> int:
        """Bytes of the estimates and their replay."""
        return self.observed_run.nbytes


def add_entry(
    history: Sequence[HistoryEntry], observed_run: ObservedRun, file: str = ""
) -> list[HistoryEntry]:
    """Return the history with one more run, without the oldest if it exceeds the bounds."""
    number = history[-1].number + 1 if history else 1
    entries = [*history, HistoryEntry(number, observed_run, file)][-MOST:]
    while len(entries) > 1 and sum(entry.size for entry in entries) > MEMORY:
        entries.pop(0)
    return entries
