"""Published errors of cycled filters, reproduced by cycled experiments.

Every YAML file beside this one is a table, named after it: ``settings`` by name, and ``rows`` with
``setting``, ``published``, ``method`` and the fields of a config that differ from those of the
setting; ``published`` is missing where a comparison was published without its numbers. ``every`` is
no field of a config: cycles from one observation to the next, for papers that score their forecasts
between analyses too. ``note`` says where a row departs from its paper.

A row that is complete is not computed again, so that an interrupted table resumes at the row where
it stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from ...errors import InputError
from ...files import locked
from ..config import Config
from ..experiment import Experiment
from ..progress import is_complete
from ..run import execute
from .clock import Report, TableClock, no_report, seconds_of
from .sweep import append, read

COLUMNS = (
    "config_hash", "setting", "method", "published", "rmse", "rmse_err", "median", "crps",
    "spread_skill", "analyses", "seconds", "status",
)


FOLDER = Path(__file__).parent
"""Folder of the tables."""


@dataclass(frozen=True)
class Row:
    """A published error and the experiment that reproduces it.

    Args:
        setting: of the system and its observations, named after a paper.
        published: RMSE of the analyses, in the units of the equations; NaN if it is not known.
        config: the experiment, of one method.
        note: where the experiment departs from the published one; empty if it does not.
    """

    setting: str
    published: float
    config: Config
    note: str = ""

    def __str__(self) -> str:
        return f"{self.setting} {self.config.methods[0]}"

    @property
    def analyses(self) -> int:
        """Analyses after the burn-in, of all repeats."""
        return (int(self.config.cycles or 0) - int(self.config.burn_in or 0)) * self.config.repeats


def table_names() -> list[str]:
    """Names of the tables that ship."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@lru_cache
def published_rows(table: str) -> tuple[Row, ...]:
    """All rows of a table, in the order of its file.

    Args:
        table: one of :func:`table_names`.
    """
    import yaml  # here, as for configs

    whole = yaml.safe_load((FOLDER / f"{table}.yaml").read_text(encoding="utf-8"))
    return tuple(_row(dict(row), whole["settings"]) for row in whole["rows"])


def _row(fields: dict[str, Any], settings: dict[str, dict[str, Any]]) -> Row:
    setting, method = fields.pop("setting"), fields.pop("method")
    published = fields.pop("published", math.nan)
    values = {**settings[setting], **fields}
    note, every = values.pop("note", ""), values.pop("every", 1)
    gaps = {"gaps": gaps_between(every, values["cycles"])} if every > 1 else {}
    config = Config(**{**values, **gaps, "methods": [method], "device": "cpu"})
    return Row(setting, published, config, note)


def gaps_between(every: int, cycles: int) -> str:
    """Gaps of a schedule that leave an observation at every so many cycles: ``1-9,11-19``."""
    starts = range(1, cycles + 1, every)
    return ",".join(f"{first}-{min(first + every - 2, cycles)}" for first in starts)


def choose_rows(table: str, texts: Sequence[str]) -> list[Row]:
    """Rows of a table whose setting or method begins with one of the texts; all without any.

    Raises:
        InputError: for a text that is the beginning of none.
    """
    rows = published_rows(table)
    names = ", ".join(dict.fromkeys(row.setting for row in rows))
    for text in texts:
        if not any(_matches(row, text) for row in rows):
            raise InputError(
                "rows", text, f"must begin a method, or one of the settings {names}",
                f"Use {rows[0].setting}.",
            )
    return [row for row in rows if not texts or any(_matches(row, text) for text in texts)]


def _matches(row: Row, text: str) -> bool:
    return row.setting.startswith(text) or row.config.methods[0].startswith(text)


@dataclass(frozen=True)
class RowProgress:
    """A row that is complete.

    Args:
        row: the row.
        found: its columns, as text.
        done: rows so far.
        total: rows in all.
        remaining: estimated time left [s].
        is_new: true unless the row was there.
    """

    row: Row
    found: dict[str, str]
    done: int
    total: int
    remaining: float = 0.0
    is_new: bool = True

    def __str__(self) -> str:
        if not is_complete(self.found["status"]):
            return f"{self.row}: {self.found['status']}"
        rmse = float(self.found["rmse"])
        known = math.isfinite(self.row.published)
        return f"{self.row}: {rmse:.3f}" + f", published {self.row.published:g}" * known


def reproduce(
    path: Path, rows: Sequence[Row], report: Report = no_report
) -> Iterator[RowProgress]:
    """Run the rows that are missing from a table, one after the other.

    Args:
        path: CSV file with the columns of :data:`COLUMNS`; made if it is missing.
        rows: rows wanted.
        report: told how many rows there are to make, how they go, and the time left.

    Raises:
        InputError: before any run, if one of the experiments cannot work, or another process writes
            to the folder.
    """
    known = _complete(path)
    seconds = {
        name: sum(seconds_of(Experiment.of(row.config)).values())
        for row in rows if (name := row.config.hash()) not in known
    }
    with locked(path.parent, "table folder"):
        present = _complete(path)
        expected = [seconds.get(row.config.hash(), 0.0) for row in rows
                    if row.config.hash() not in present]
        yield from _reproduce(path, rows, present, TableClock(len(rows), expected, report))


def _reproduce(
    path: Path, rows: Sequence[Row], present: dict[str, dict[str, str]], clock: TableClock
) -> Iterator[RowProgress]:
    for done, row in enumerate(rows, start=1):
        name = row.config.hash()
        is_new = name not in present
        if is_new:
            start = time.perf_counter()
            clock.begin(str(row))
            tree = execute(row.config, clock.take)
            if tree.attrs["status"] == "cancelled":
                return
            found = _columns(row, tree, time.perf_counter() - start)
            append(path, [found], COLUMNS)
            clock.end()
            present[name] = {k: str(v) for k, v in found.items()}
        yield RowProgress(row, present[name], done, len(rows), clock.remaining, is_new)


def rows_of(path: Path, rows: Sequence[Row]) -> list[dict[str, str]]:
    """The newest line of each of some rows that were run."""
    newest = {row["config_hash"]: row for row in read(path, COLUMNS)}
    return [newest[name] for row in rows if (name := row.config.hash()) in newest]


def _complete(path: Path) -> dict[str, dict[str, str]]:
    """The complete rows of a table, by the hash of their config."""
    return {row["config_hash"]: row for row in read(path, COLUMNS) if is_complete(row["status"])}


def _columns(row: Row, tree: xr.DataTree, seconds: float) -> dict[str, Any]:
    metrics = tree["metrics"].to_dataset().isel(method=0)
    scored = metrics["rmse_units_cycles"].isel(cycle=slice(row.config.burn_in, None))
    return {
        "config_hash": row.config.hash(), "setting": row.setting, "method": row.config.methods[0],
        "published": row.published, "rmse": float(metrics["rmse_units"]),
        "rmse_err": float(metrics["rmse_units_err"]),
        "median": float(scored.mean("cycle").median()), "crps": float(metrics["crps"]),
        "spread_skill": float(metrics["spread_skill"]), "analyses": row.analyses,
        "seconds": round(seconds, 1), "status": str(metrics["status"].values),
    }


def summarise_rows(path: Path, rows: Sequence[Row]) -> pd.DataFrame:
    """Published and reproduced errors with their ratio, one line per row that is complete.

    The median over truths stands beside the mean, which a single truth that is lost spoils. CRPS
    and spread/skill are normalised. Columns that say nothing are left out.
    """
    known = _complete(path)
    lines = [
        {"setting": row.setting, "method": row.config.methods[0], "published": row.published,
         "here": float(found["rmse"]), "+-": float(found["rmse_err"]),
         "median": float(found["median"]), "ratio": float(found["rmse"]) / row.published,
         "crps": float(found["crps"]), "spread/skill": float(found["spread_skill"]),
         "analyses": row.analyses, "note": row.note}
        for row in rows if (found := known.get(row.config.hash())) is not None
    ]
    found = pd.DataFrame(lines)
    silent = [name for name in ("published", "ratio") if name in found and found[name].isna().all()]
    silent += [] if any(line["note"] for line in lines) else ["note"]
    return found.drop(columns=silent, errors="ignore")
