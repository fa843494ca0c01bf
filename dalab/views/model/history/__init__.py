"""Runs that have ended: the entries of a page's list, and those of a browser on disk."""

from .archive import Archive, open_entry, saved_runs, share_runs, shared_runs
from .entries import HistoryEntry, RunSummary, add_entry, bounded

__all__ = [
    "Archive", "HistoryEntry", "RunSummary", "add_entry", "bounded", "open_entry", "saved_runs",
    "share_runs", "shared_runs",
]
