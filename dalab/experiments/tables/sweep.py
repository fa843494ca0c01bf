"""Published grid of experiments: operators by coverage by interval, by setting and by seed.

Rows are written as soon as a cell is complete, and rows that exist are not computed again: an
interrupted run, even if killed, resumes where it stopped.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ...errors import InputError
from ...files import locked
from ...methods import METHODS
from ...metrics.ensemble import outer_ranks
from ...metrics.table import records
from ...options import options
from ...values import read_number
from ..config import Config
from ..experiment import Experiment
from ..from_config import sets_steps
from ..progress import is_complete
from ..run import execute
from .clock import Report, TableClock, no_report, seconds_of
from .published import INTERVALS, MASKS, OPERATORS

SETTINGS: dict[str, dict[str, Any]] = {
    "I": {"background": 0.1},
    "II": {},
    "III": {},
    "I-forecast": {"background": 0.1, "background_kind": "forecast"},
    "I-laplace": {"background": 0.1, "noise_family": "laplace"},
    "I-uniform": {"background": 0.1, "noise_family": "uniform"},
    **{
        f"I-lognormal-{shape}": {"background": 0.1, "noise_family": f"lognormal:shape={shape}"}
        for shape in (0.1, 0.2, 0.5, 1.0)
    },
}
"""With a background, without one, several operators at once without one; then model errors unknown
to the methods: a background with the error of a forecast, and noise that is not Gaussian."""

SCORES = (
    "rmse_sample", "rmse_mean", "crps", "spread_skill", "network_evaluations", "seconds", "members",
    "status",
)
CELL = ("setting", "operators", "mask", "interval")
COLUMNS = (
    "config_hash", *CELL, "seed", "method", "system", "prior", "truth", *SCORES, "outer_ranks",
)


@dataclass(frozen=True)
class Cell:
    """One observing network.

    Args:
        setting: one of :data:`SETTINGS`.
        operators: registry texts, all active at once.
        mask: registry text; random masks are drawn separately for each operator.
        interval: steps between observation times.
    """

    setting: str
    operators: tuple[str, ...]
    mask: str
    interval: int

    def __str__(self) -> str:
        return f"{self.setting} {'+'.join(self.operators)} {self.mask} N={self.interval}"

    def config(self, base: Config) -> Config:
        """Make the experiment of this cell, with all other fields from ``base``."""
        return base.replace(
            operators=self.operators, masks=(self.mask,), interval=self.interval,
            **{"background": None, **SETTINGS[self.setting]},
        )


def cells(setting: str) -> list[Cell]:
    """List all cells of a setting, easy ones first: 112 for III, 84 for any other."""
    sets: list[tuple[str, ...]] = [(name,) for name in OPERATORS]
    if setting == "III":
        sets = [("arctan", "sine"), ("arctan", "velocity"), ("sine", "velocity"), OPERATORS]
    return [Cell(setting, *rest) for rest in product(sets, MASKS, INTERVALS)]


def choose(text: str) -> list[Cell]:
    """Select the cells that ``text`` describes.

    Args:
        text: ``all``, the 168 cells of settings I and II; a number of them, evenly spread; or
            conditions such as ``setting=II,operators=arctan|sine,interval=1``, where
            ``setting=III`` selects several operators at once (``operators=arctan+sine``). Later
            settings are selected only by name.

    Raises:
        InputError: if no cell is selected, or the text is not understood.
    """
    single = cells("I") + cells("II")
    if text == "all":
        return single
    count = read_number(text)
    if isinstance(count, int) and 1 <= count <= len(single):
        places = np.linspace(0, len(single) - 1, count).round().astype(int)
        return [single[i] for i in places]
    chosen = _filtered(text, [cell for setting in SETTINGS for cell in cells(setting)])
    if not chosen:
        raise InputError(
            "cells", text, f"must be all, 1 to {len(single)}, or conditions that some cell meets",
            "Use setting=II,operators=arctan,mask=random:0.25,interval=1|2, for example.",
        )
    return chosen


def _filtered(text: str, candidates: list[Cell]) -> list[Cell]:
    for condition in text.split(","):
        name, _, values = condition.partition("=")
        if name.strip() not in CELL:
            return []
        wanted = {value.strip() for value in values.split("|")}
        candidates = [c for c in candidates if _columns(c)[name.strip()] in wanted]
    if "setting" not in text:
        usual = ("III",) if "+" in text else ("I", "II")
        candidates = [c for c in candidates if c.setting in usual]
    return candidates


def _columns(cell: Cell) -> dict[str, str]:
    return {
        "setting": cell.setting, "operators": "+".join(cell.operators), "mask": cell.mask,
        "interval": str(cell.interval),
    }


@dataclass(frozen=True)
class TableProgress:
    """Progress of a table.

    Args:
        cell: the cell just completed.
        seed: its seed.
        rows: the rows written for it; empty if they existed.
        done: number of completed runs.
        total: total number of runs, one for each cell and seed.
        remaining: estimated time left [s].
    """

    cell: Cell
    seed: int
    rows: tuple[dict[str, Any], ...]
    done: int
    total: int
    remaining: float

    @property
    def is_new(self) -> bool:
        """True unless the rows existed."""
        return bool(self.rows)

    def __str__(self) -> str:
        found = "  ".join(f"{row['method']} {row['rmse_sample'] or math.nan:.3f}"
                          for row in self.rows)
        return f"{self.cell} seed {self.seed}  {found or 'exists'}"


def fill(
    path: Path, chosen: Sequence[Cell], seeds: Sequence[int], methods: Sequence[str], base: Config,
    report: Report = no_report,
) -> Iterator[TableProgress]:
    """Run the missing cells of a table, one cell and seed after the other.

    Args:
        path: CSV file with the columns of :data:`COLUMNS`; made if it is missing.
        chosen: the cells.
        seeds: seeds of all random choices; each gives another truth.
        methods: registry texts; the number of steps is the method's default unless set.
        base: all other fields.
        report: told how many runs there are to make, how they go, and the time left.

    Raises:
        InputError: before any run, if one of the experiments cannot work, or another process writes
            to the folder.
    """
    methods, seconds = [with_steps(text) for text in methods], {}
    for cell in dict.fromkeys(chosen):
        made = Experiment.of(cell.config(base.replace(methods=tuple(methods))))
        seconds[cell] = dict(zip(methods, seconds_of(made).values(), strict=True))
    with locked(path.parent, "table folder"):
        present = {row["config_hash"] for row in read(path)}
        runs = [
            _Run(cell, base.replace(seed=seed), methods, present)
            for seed in seeds for cell in chosen
        ]
        expected = [run.seconds(seconds[run.cell]) for run in runs if run.missing]
        yield from _fill(path, runs, TableClock(len(runs), expected, report))


class _Run:
    """A cell with a seed, and those of its methods that are missing.

    Args:
        cell: the cell.
        base: all other fields, the seed among them.
        methods: registry texts.
        present: hashes of the rows that are there.
    """

    def __init__(
        self, cell: Cell, base: Config, methods: Sequence[str], present: Collection[str]
    ) -> None:
        self.cell, self.base = cell, base
        single = _single(cell, base.seed, methods, base)
        self.missing = {m: one for m, one in single.items() if one.hash() not in present}

    def __str__(self) -> str:
        return f"{self.cell} seed {self.base.seed}"

    def seconds(self, expected: Mapping[str, float]) -> float:
        """Time that it is expected to take, by that of every method [s]."""
        return sum(expected[method] for method in self.missing)

    def config(self) -> Config:
        """The experiment of the methods that are missing."""
        return self.cell.config(self.base.replace(methods=tuple(self.missing)))


def _fill(path: Path, runs: Sequence[_Run], clock: TableClock) -> Iterator[TableProgress]:
    for done, run in enumerate(runs, start=1):
        rows: tuple[dict[str, Any], ...] = ()
        if run.missing:
            clock.begin(str(run))
            tree = execute(run.config(), clock.take)
            rows = tuple(_rows(tree, run.cell, list(run.missing.values())))
            append(path, rows)
            if tree.attrs["status"] == "cancelled":
                return
            clock.end()
        yield TableProgress(run.cell, run.base.seed, rows, done, len(runs), clock.remaining)


def _single(cell: Cell, seed: int, methods: Sequence[str], base: Config) -> dict[str, Config]:
    """Make the experiment of every method alone."""
    return {m: cell.config(base.replace(seed=seed, methods=(m,))) for m in methods}


def rows_of(
    rows: Sequence[dict[str, str]], chosen: Sequence[Cell], seeds: Sequence[int],
    methods: Sequence[str], base: Config,
) -> list[dict[str, str]]:
    """Select the rows that :func:`fill` writes when it is given the same cells."""
    texts = [with_steps(text) for text in methods]
    wanted = {
        config.hash() for seed in seeds for cell in chosen
        for config in _single(cell, seed, texts, base).values()
    }
    return [row for row in rows if row["config_hash"] in wanted]


def with_steps(text: str) -> str:
    """Complete the text of a method by its default number of steps, if it sets none."""
    method = METHODS.make(text)
    if "steps" not in options(type(method)) or sets_steps(text, type(method)):
        return text
    return f"{text}{',' if ':' in text else ':'}steps={method.steps}"


def _rows(tree: xr.DataTree, cell: Cell, configs: Sequence[Config]) -> Iterator[dict[str, Any]]:
    """Make a row for every method that was not cancelled."""
    for config, (label, scores) in zip(configs, records(tree).items(), strict=True):
        if scores["status"] == "cancelled":
            continue
        done = is_complete(scores["status"])
        yield {
            "config_hash": config.hash(), **_columns(cell), "seed": config.seed,
            "method": config.methods[0], "system": config.system, "prior": config.prior,
            "truth": config.truth, **{name: scores[name] for name in SCORES},
            "outer_ranks": _outer_ranks(tree, label) if done else None,
        }


def _outer_ranks(tree: xr.DataTree, label: str) -> float:
    ensemble, truth = (tree[name].to_dataset()["pv"] for name in (f"estimates/{label}", "truth"))
    return outer_ranks(ensemble, truth)


def read(path: Path, columns: Sequence[str] = COLUMNS) -> list[dict[str, str]]:
    """Read the rows of a table as text, but for an incomplete last line."""
    if not path.exists():
        return []
    content = path.read_bytes()
    lines = content[: content.rfind(b"\n") + 1].decode("utf-8").splitlines()
    if lines and lines[0] != ",".join(columns):
        raise InputError(
            "table", str(path), "must have the columns of this version", "Name another folder."
        )
    return list(csv.DictReader(lines))


def append(
    path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str] = COLUMNS
) -> None:
    """Append rows to a table in place of an incomplete last line, and flush them to disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())


def means(rows: Sequence[dict[str, str]], score: str) -> dict[tuple[str, ...], float]:
    """Average a score over seeds, by (method, setting, operators, mask, interval)."""
    groups: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        key = (row["method"], *(row[name] for name in CELL))
        value = float(row[score]) if row[score] and is_complete(row["status"]) else math.nan
        groups.setdefault(key, []).append(value)
    return {key: float(np.mean(values)) for key, values in groups.items()}
