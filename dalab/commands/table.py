"""The command about published numbers: ``dalab table``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError
from .interruption import interrupted_with

Option = typer.Option


def table(
    which: Annotated[
        str, typer.Argument(help="published numbers: the grid soad, or rows of cycled filters: "
                            "dapper, ensf, enff, masf, ccdm, omega, daisi")
    ],
    cells: Annotated[str, Option(help="all, a number evenly spread over the 168, or conditions: "
                                 "setting=II,operators=arctan|sine,interval=1")] = "24",
    method: Annotated[list[str] | None, Option(help="may be repeated; dalab list methods")] = None,
    seeds: Annotated[int, Option(min=1, max=10**5, help="truths per cell")] = 5,
    members: Annotated[int, Option(help="posterior samples per method")] = 4,
    system: Annotated[str, Option(help="see: dalab list systems")] = "qg64",
    prior: Annotated[str, Option(help="see: dalab list priors")] = "auto",
    truth: Annotated[str, Option(help="see: dalab list truths; or a file")] = "model",
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:N or mps")] = "auto",
    out: Annotated[Path, Option(help="folder for rows.csv, table.zarr and figures")]
    = Path("out/table"),
) -> None:
    """Reproduce published errors: a grid of windows, or rows of cycled filters.

    It says first how many runs are missing and about how long they take. Rows that are there are
    kept: after a stop, the same command goes on. Those of another system, prior, truth or number of
    members may share the file; they are not drawn. Of the tables of cycled filters, --method names
    the settings or methods whose rows are wanted; the other options are those of the grid.
    """
    from ..experiments.tables.rows import table_names

    if which in table_names():
        return _rows(which, out, method or [])
    from ..experiments.config import Config
    from ..experiments.tables.sweep import choose, fill, read, rows_of

    if which != "soad":
        known = ", ".join(["soad", *table_names()])
        raise InputError("table", which, f"must be one of {known}", "Use: dalab table soad")
    base = Config(system=system, prior=prior, truth=truth, members=members, device=device)
    rows, chosen = out / "rows.csv", choose(cells)
    plan = chosen, range(seeds), method or ["spectral", "sda"], base
    _show_progress(partial(fill, rows, *plan), rows)
    _summarise(out, base)
    _end_table(rows_of(read(rows), *plan), rows)


def _summarise(out: Path, base: Any) -> None:
    """Write figures and grid of a table, and print its summary."""
    from ..experiments.tables.summary import grid, like, summarise
    from ..experiments.tables.sweep import read
    from ..files import replacing
    from ..views.render.table_figure import write_all

    found = like(read(out / "rows.csv"), base)
    about = f"{base.system}, {base.prior} prior, {base.truth} truth"
    for path in (out / "rows.csv", *write_all(found, out, about)):
        typer.echo(f"wrote {path}", err=True)
    with replacing(out / "table.zarr") as new:
        grid(found).to_zarr(new, consolidated=False)
    typer.echo(summarise(found).round(3).to_string())


def _rows(name: str, out: Path, wanted: list[str]) -> None:
    """Reproduce rows of cycled filters and print them beside the published errors."""
    from ..experiments.tables.rows import choose_rows, reproduce, rows_of, summarise_rows

    path, rows = out / f"{name}.csv", choose_rows(name, wanted)
    _show_progress(partial(reproduce, path, rows), path)
    typer.echo(summarise_rows(path, rows).round(3).to_string(index=False))
    _end_table(rows_of(path, rows), path)


def _show_progress(fill: Callable[..., Iterator[Any]], rows: Path) -> None:
    """Fill a table and show how it goes; end the command if it is interrupted.

    Args:
        fill: yields a step for every run, and takes a function that is told the time left.
        rows: file of the table.
    """
    from .table_progress import TableDisplay

    with (
        interrupted_with(f"the run at work is lost; {rows} keeps those before it."),
        TableDisplay() as display,
    ):
        done = 0
        for step in fill(report=display.report):
            done = step.done
            if step.is_new:
                display.result(step)
        if done < display.total:
            raise KeyboardInterrupt


def _end_table(rows: Sequence[Any], path: Path) -> None:
    """Say how many runs failed; end with 1 if all did."""
    from ..experiments.progress import is_complete

    failed = [row for row in rows if not is_complete(row["status"])]
    if failed:
        first = f"{failed[0]['method']} {failed[0]['status']}"
        count = f"{len(failed)} of {len(rows)} runs failed, see {path}"
        typer.echo(f"{count}. The first: {first}", err=True)
    if rows and len(failed) == len(rows):
        raise typer.Exit(1)
