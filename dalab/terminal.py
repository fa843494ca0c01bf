"""Runs and scores on a terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from .commands.interruption import show_hint
from .experiments.experiment import Experiment, Source
from .experiments.results.store import config_of
from .experiments.run import Frame, execute
from .files import replacing
from .metrics.columns import Column, columns_of, fitting
from .metrics.table import is_cycled, records, table
from .notes import listening
from .views.pictures.wording import time_left

PAUSE = 60.0
"""Seconds from one line about a run to the next, where there is no terminal."""

WIDTH = 132
"""Columns to write for a pipe; a terminal says how many it has."""


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
        TextColumn("{task.percentage:>3.0f} %  {task.fields[text]}  {task.fields[note]}"),
    )
    errors = console(stderr=True)
    with Progress(
        *columns, console=errors, transient=True, disable=not errors.is_terminal
    ) as bar:
        task, log = bar.add_task("preparing", total=1.0, text="", note=""), _Log(errors)

        def show(frame: Frame) -> None:
            progress = frame.progress
            log.show(frame)
            bar.update(
                task, completed=progress.fraction, text=progress_line(frame), note="",
                description=f"{progress.method} ({progress.method_index + 1}/{progress.methods})",
            )

        with listening(lambda note: bar.update(task, note=note)):
            return execute(source, show, folder, show_hint)


class _Log:
    """Lines about a long run now and then, where there is no terminal that shows a bar.

    Args:
        errors: where to print them.
    """

    def __init__(self, errors: Console) -> None:
        self._errors, self._printed = errors, time.monotonic()

    def show(self, frame: Frame) -> None:
        """Print a line about a frame if there was none for a while."""
        now = time.monotonic()
        if self._errors.is_terminal or now - self._printed < PAUSE:
            return
        self._printed, progress = now, frame.progress
        method = f"{progress.method} ({progress.method_index + 1} of {progress.methods})"
        line = f"{method}  {progress.fraction:.0%}  {progress_line(frame)}"
        self._errors.print(line, markup=False, highlight=False)


def progress_line(frame: Frame) -> str:
    """Describe error, progress and time of a frame in one line."""
    progress = frame.progress
    left = "" if progress.remaining is None else f", {time_left(progress.remaining)}"
    return f"RMSE {frame.rmse.mean():.3f}  {progress.note}  {progress.elapsed:.0f} s{left}"


def show_scores(tree: xr.DataTree) -> None:
    """Print the score table, and the reasons of failures."""
    found, page = table(tree), console()
    rows = found.to_dict("records")
    columns = fitting(
        columns_of(is_cycled(tree), found.columns),
        lambda some: Measurement.get(
            page, page.options.update(max_width=1000), _score_table(rows, some)
        ).maximum <= page.width,
    )
    page.print(_score_table(rows, columns))
    errors = console(stderr=True)
    for row in rows:
        if row["status"] not in ("complete", "cancelled"):
            errors.print(f"{row['method']} {row['status']}", style="red", markup=False)


def _score_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> Table:
    """Lay out some columns of the scores of all methods."""
    made = Table(title="lower is better; spread/skill is best at 1", title_justify="left")
    titles = [column.title.replace(" / ", "/ ").replace(" ", "\n") for column in columns]
    for title in ("method", *titles, "status"):
        made.add_column(title, justify="right" if title in titles else "left")
    for row in rows:
        cells = [column.cell(row) for column in columns]
        made.add_row(row["method"], *cells, row["status"].partition(":")[0].partition(";")[0])
    return made


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
    with replacing(path) as new:
        new.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
