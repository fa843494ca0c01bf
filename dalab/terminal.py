"""Runs and scores on a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import xarray as xr
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from .experiments.experiment import Experiment, Source
from .experiments.results.store import config_of
from .experiments.run import Frame, execute
from .metrics.table import is_cycled, records, table

WIDTH = 110
"""Columns to write for a pipe; a terminal says how many it has."""

FORMATS: dict[str, tuple[str, str]] = {
    "rmse_sample": ("RMSE\none", "{:.4f}"),
    "rmse_mean": ("RMSE\nmean", "{:.4f}"),
    "crps": ("CRPS\nfair", "{:.4f}"),
    "spread_skill": ("spread/\nskill", "{:.2f}"),
    "network_evaluations": ("evalu-\nations", "{:d}"),
    "seconds": ("seconds", "{:.1f}"),
    "peak_memory_mb": ("peak\nMiB", "{:.0f}"),
    "members": ("mem-\nbers", "{:d}"),
}


CYCLED_FORMATS = {
    "rmse_mean": ("RMSE\nanalysis", "{:.4f}"),
    "rmse_mean_err": ("+-", "{:.4f}"),
    "rmse_forecast": ("RMSE\nforecast", "{:.4f}"),
    **{name: FORMATS[name] for name in ("crps", "spread_skill", "seconds", "members")},
}
"""Columns of a cycled experiment, means over the cycles after the burn-in."""


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or wide enough for a table in a pipe."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=WIDTH)


def run_with_progress(
    source: Experiment | Source, folder: Path | None = None
) -> xr.DataTree:
    """Run an experiment in this thread and show how it goes; Ctrl-C ends it.

    Args:
        source: what to run.
        folder: of the checkpoints of a cycled experiment, see :func:`dalab.execute`.

    Raises:
        InputError: if the experiment cannot work.
    """
    columns = (
        TextColumn("{task.description}"), BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[text]}"),
    )
    errors = console(stderr=True)
    with Progress(
        *columns, console=errors, transient=True, disable=not errors.is_terminal
    ) as bar:
        task = bar.add_task("preparing", total=1.0, text="")

        def show(frame: Frame) -> None:
            progress = frame.progress
            bar.update(
                task, completed=progress.fraction, text=progress_line(frame),
                description=f"{progress.method} ({progress.method_index + 1}/{progress.methods})",
            )

        return execute(source, show, folder)


def progress_line(frame: Frame) -> str:
    """Describe error, progress and time of a frame in one line."""
    progress = frame.progress
    left = "" if progress.remaining is None else f", {progress.remaining:.0f} s left"
    return f"RMSE {frame.rmse.mean():.3f}  {progress.note}  {progress.elapsed:.0f} s{left}"


def show_scores(tree: xr.DataTree) -> None:
    """Print the score table, and the reasons of failures."""
    formats = CYCLED_FORMATS if is_cycled(tree) else FORMATS
    shown = Table(title="lower is better; spread/skill is best at 1", title_justify="left")
    shown.add_column("method")
    for heading, _ in formats.values():
        shown.add_column(heading, justify="right")
    shown.add_column("status")
    rows = table(tree).to_dict("records")
    for row in rows:
        cells = [_cell(row[name], text) for name, (_, text) in formats.items()]
        shown.add_row(row["method"], *cells, row["status"].partition(":")[0])
    console().print(shown)
    errors = console(stderr=True)
    for row in rows:
        if row["status"].startswith("failed"):
            errors.print(f"{row['method']} {row['status']}", style="red", markup=False)


def _cell(value: Any, text: str) -> str:
    return "-" if value != value else text.format(value)


def write_json(tree: xr.DataTree, path: Path) -> None:
    """Write config and scores with their public names; what was not computed is null."""
    attrs = tree.attrs
    content = {
        "config": config_of(tree).to_dict(),
        "config_hash": attrs["config_hash"],
        "status": attrs["status"],
        "device": attrs["device"],
        "dalab_version": attrs["dalab_version"],
        "torch_version": attrs["torch_version"],
        "methods": records(tree),
    }
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
