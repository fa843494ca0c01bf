"""Runs of a session that have ended, the newest last, bounded in number and memory."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ....experiments.config import Config
from ....experiments.results.saved_runs import SavedRun
from ....experiments.results.stored_run import StoredRun
from ....experiments.run import MethodScores, Run
from ..config_text import DEFAULT_CONFIG, difference
from ..observed_run import ObservedRun

MOST = 12
"""Largest number of runs."""

MEMORY = 1 << 29
"""Bytes that the estimates of the runs may take; the newest run is kept in any case."""

_SCORES = ("crps", "spread_skill", "network_evaluations", "seconds", "members")
_CURVES = {"rmse_steps": "rmse_mean", "rmse_sample_steps": "rmse_sample"}


@dataclass(frozen=True)
class RunSummary:
    """The part of a run that a list shows.

    Args:
        config: the experiment.
        state: ``done``, ``cancelled`` or ``failed``.
        elapsed: run time [s].
        scores: of every method, by label; of their curves the means.
    """

    config: Config
    state: str
    elapsed: float
    scores: dict[str, MethodScores]

    @classmethod
    def of(cls, run: Run | StoredRun) -> RunSummary:
        """Summarise a run that has ended."""
        return cls(run.config, run.state, run.progress.elapsed, dict(run.scores))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, from which :meth:`from_dict` makes the summary again."""
        scores = {
            label: {
                "status": known.status,
                **{name: float(getattr(known, name)) for name in (*_SCORES, *_CURVES.values())},
            }
            for label, known in self.scores.items()
        }
        return {"config": self.config.to_dict(), "state": self.state, "elapsed": self.elapsed,
                "scores": scores}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunSummary:
        """Read plain data; anything may be raised if it was not made by :meth:`to_dict`."""
        scores = {str(label): _scores(known) for label, known in values["scores"].items()}
        config = Config.from_dict(values["config"])
        return cls(config, str(values["state"]), float(values["elapsed"]), scores)


def _scores(known: Mapping[str, Any]) -> MethodScores:
    values: dict[str, Any] = {name: float(known[name]) for name in _SCORES}
    for name, mean in _CURVES.items():
        values[name] = np.array([float(known[mean])])
    return MethodScores(status=str(known["status"]), **values)


@dataclass(frozen=True, eq=False)
class HistoryEntry:
    """A run that has ended and can be shown again.

    Args:
        number: of the run in its session, from 1.
        summary: its part in the list.
        observed_run: the run with its frames; ``None`` while it is on disk only.
        file: name of the file that it was read from, if any.
        when: time of its end.
        saved: the run on disk that the entry was read from, if any.
    """

    number: int
    summary: RunSummary
    observed_run: ObservedRun | None = None
    file: str = ""
    when: datetime.datetime = field(default_factory=datetime.datetime.now)
    saved: SavedRun | None = None

    @property
    def config(self) -> Config:
        """The experiment."""
        return self.summary.config

    @property
    def scores(self) -> dict[str, MethodScores]:
        """Scores of every method, by label; without curves while the run is on disk only."""
        return self.observed_run.run.scores if self.observed_run else self.summary.scores

    @property
    def run(self) -> ObservedRun:
        """The run with its frames.

        Raises:
            RuntimeError: while it is on disk only.
        """
        if self.observed_run is None:
            raise RuntimeError(f"{self.title} has not been opened")
        return self.observed_run

    @property
    def result(self) -> Any:
        """The result, an ``xarray.DataTree``."""
        return self.run.result

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
    def copy(self) -> SavedRun | None:
        """Its copy on disk, once there is one."""
        return self.saved or (self.observed_run.saved if self.observed_run else None)

    @property
    def size(self) -> int:
        """Bytes of the estimates and their replay in memory."""
        return 0 if self.observed_run is None else self.observed_run.nbytes

    def opened(self, observed_run: ObservedRun) -> HistoryEntry:
        """Return the entry with its run."""
        return replace(self, observed_run=observed_run)


def add_entry(
    history: Sequence[HistoryEntry], observed_run: ObservedRun, file: str = ""
) -> list[HistoryEntry]:
    """Return the history with one more run, within the bounds.

    A run that is on disk already takes the place of its entry there.
    """
    if observed_run.saved is not None:
        known = [k.copy is not None and k.copy.path == observed_run.saved.path for k in history]
        if any(known):
            return [k.opened(observed_run) if same else k
                    for k, same in zip(history, known, strict=True)]
    number = history[-1].number + 1 if history else 1
    summary = RunSummary.of(observed_run.run)
    return bounded([*history, HistoryEntry(number, summary, observed_run, file)])


def bounded(history: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    """Return the newest runs; of those that take too much memory only what is on disk."""
    entries = list(history[-MOST:])
    for entry in entries[:-1]:
        if sum(kept.size for kept in entries) <= MEMORY:
            break
        at = entries.index(entry)
        entries[at : at + 1] = [] if entry.copy is None else [closed(entry)]
    return entries


def closed(entry: HistoryEntry) -> HistoryEntry:
    """Return an entry whose run is on disk only."""
    return replace(entry, observed_run=None, saved=entry.copy)
