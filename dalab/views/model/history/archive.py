"""The runs of one browser on disk: written when they end, listed on its pages, opened on request.

Runs are written by a thread of their own, one after the other, also those whose page is closed.
"""

from __future__ import annotations

import datetime
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ....experiments.cycles.stored import restore
from ....experiments.results.saved_runs import SavedRun, SavedRuns
from ....files import user_folder
from ..observed_run import ObservedRun
from .entries import HistoryEntry, RunSummary

FOLDER = "DALAB_RUNS"
"""Variable of the environment that names the folder of all runs; empty, none are written."""

NONE = "none"
"""In place of a folder: runs are not written."""

_WORKER = ThreadPoolExecutor(1, thread_name_prefix="lab runs")


class Archive:
    """The saved runs of one browser.

    Args:
        saved_runs: the runs of all; ``None`` if none are written.
        owner: secret name of the browser; without one nothing is written.
    """

    def __init__(self, saved_runs: SavedRuns | None = None, owner: str = "") -> None:
        self.saved_runs, self.owner = saved_runs if owner else None, owner

    def entries(self) -> list[HistoryEntry]:
        """Return the entries of the runs, the newest last; none of them is opened."""
        found: list[HistoryEntry] = []
        for saved in self.saved_runs.of(self.owner) if self.saved_runs else ():
            try:
                entry = _entry(saved, found[-1].number if found else 0)
            except Exception:  # of another version of dalab
                continue
            found.append(entry)
        return found

    def keep(self, observed_run: ObservedRun, file: str = "") -> None:
        """Write a run that has ended, in the background; it notes its copy, or that it failed.

        Args:
            observed_run: the run.
            file: name of the file that it was read from, if any.
        """
        if self.saved_runs is not None:
            _submit(lambda: self._write(observed_run, file))

    def _write(self, observed_run: ObservedRun, file: str) -> None:
        try:
            tree = observed_run.result
            if "estimates" not in tree.children or self.saved_runs is None:
                return
            about = {"file": file, "when": datetime.datetime.now().isoformat()}
            about |= RunSummary.of(observed_run.run).to_dict()
            observed_run.saved = self.saved_runs.put(self.owner, tree, about)
        except Exception as error:  # a disk may fail in any way: the page goes on
            observed_run.unsaved = True
            logging.getLogger(__name__).warning("A run could not be saved: %s", error)

    def drop(self, entry: HistoryEntry) -> None:
        """Remove the copy of a run in the background, after it has been written."""
        if self.saved_runs is not None:
            _submit(lambda: None if entry.copy is None else entry.copy.drop())


def open_entry(entry: HistoryEntry) -> HistoryEntry:
    """Return an entry with its run, which is read if it is on disk only.

    Raises:
        InputError: if it is not there any more, or damaged.
    """
    if entry.observed_run is not None or entry.saved is None:
        return entry
    stored = restore(entry.saved.load())
    observed_run = ObservedRun(stored.config, stored)
    observed_run.saved = entry.saved
    return entry.opened(observed_run)


def _entry(saved: SavedRun, before: int) -> HistoryEntry:
    """Return the entry of a saved run; its number is above that of the one before."""
    about = saved.about
    return HistoryEntry(
        max(int(about["number"]), before + 1), RunSummary.from_dict(about),
        file=str(about["file"]), when=datetime.datetime.fromisoformat(about["when"]), saved=saved,
    )


def _submit(job: Callable[[], Any]) -> None:
    try:
        _WORKER.submit(job)
    except RuntimeError:  # the process ends
        pass


_shared: list[SavedRuns | None] = []


def shared_runs() -> SavedRuns | None:
    """Return the saved runs of this process; unless some were given, those of the environment."""
    if not _shared:
        share_runs(saved_runs(os.environ.get(FOLDER)))
    return _shared[0]


def share_runs(runs: SavedRuns | None) -> None:
    """Let every page that this process opens from now on write its runs there."""
    _shared[:] = [runs]


def saved_runs(folder: str | None) -> SavedRuns | None:
    """Return the saved runs in a folder.

    Args:
        folder: the folder; ``None`` for that of this user. There are none in ``none``.
    """
    if folder in ("", NONE):
        return None
    found = default_folder() if folder is None else Path(folder).expanduser()
    return None if found is None else SavedRuns(found)


def default_folder() -> Path | None:
    """Return the folder for the runs of this user's labs, unless the user has no home."""
    state = user_folder("XDG_STATE_HOME", ".local/state")
    return None if state is None else state / "runs"
