"""Summary of a table: one row for each method, and the scores as a grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import InputError
from ...methods import METHODS
from ...methods.diffusion.sampler import Diffusion
from ..config import Config
from .sweep import CELL

CALIBRATED = (0.85, 1.15)
"""Range in which spread/skill and the share of outer ranks count as calibrated."""

SKILL = ("rmse_sample", "rmse_mean", "crps", "spread_skill", "outer_ranks")
COST = ("evaluations", "seconds")


def summarise(rows: Sequence[dict[str, str]]) -> pd.DataFrame:
    """Average over cells and seeds, and count where each method is best or calibrated.

    Args:
        rows: rows of a table, from :func:`dalab.experiments.tables.sweep.read`.

    Returns:
        By method: ``runs``; ``failed``, their share of failures; ``rmse_sample``, ``rmse_mean`` and
        ``crps`` over complete runs; ``best``, the share of cells in which it has the lowest
        one-sample RMSE among the diffusion methods (NaN for others; a failure counts as infinite);
        ``calibrated``, the share of cells with spread/skill and outer ranks within
        :data:`CALIBRATED`; ``evaluations`` and ``seconds``.
    """
    frame = _numbers(rows)
    cells = frame.groupby(["method", *CELL])[[*SKILL, *COST, "failed"]].mean()
    good = (cells[["spread_skill", "outer_ranks"]].stack().between(*CALIBRATED)).unstack()
    by = cells.groupby("method")
    found = by[["failed", *SKILL[:3], *COST]].mean()
    found.insert(0, "runs", frame.groupby("method").size())
    found["best"] = _best(cells["rmse_sample"])
    found["calibrated"] = good.all(axis=1).groupby("method").mean()
    return found.sort_values("crps")


def grid(rows: Sequence[dict[str, str]]) -> xr.Dataset:
    """Arrange the scores by method, setting, operators, mask, interval and seed.

    Args:
        rows: as for :func:`summarise`; runs that are missing or failed are NaN.
    """
    frame = _numbers(rows)
    frame[["interval", "seed"]] = frame[["interval", "seed"]].astype(int)
    return frame.set_index(["method", *CELL, "seed"])[[*SKILL, *COST]].to_xarray()


def _numbers(rows: Sequence[dict[str, str]]) -> pd.DataFrame:
    """Convert scores to numbers, NaN for failed runs, and add a column ``failed``."""
    frame = pd.DataFrame(rows).replace("", np.nan)
    frame = frame.rename(columns={"network_evaluations": "evaluations"})
    frame[[*SKILL, *COST]] = frame[[*SKILL, *COST]].astype(float)
    frame["failed"] = ~frame["status"].str.startswith("complete")
    frame.loc[frame["failed"], list(SKILL)] = np.nan
    return frame


def _best(rmse: pd.Series) -> pd.Series:
    """Compute the share of cells in which each diffusion method has the lowest RMSE of them."""
    methods = rmse.index.get_level_values("method")
    rivals = rmse[[issubclass(METHODS[m.partition(":")[0]], Diffusion) for m in methods]]
    lowest = rivals.fillna(np.inf).groupby(list(CELL)).transform("min")
    return (rivals == lowest).groupby("method").mean()


def like(rows: Sequence[dict[str, str]], base: Config) -> list[dict[str, str]]:
    """Select the rows that match system, prior, truth and members of ``base``."""
    names = ("system", "prior", "truth")
    return [
        row for row in rows if all(row[name] == str(getattr(base, name)) for name in names)
        and int(row["members"]) in _sizes(row["method"], base.members)
    ]


@cache
def _sizes(text: str, members: int) -> tuple[int, int]:
    """Members of a method that runs for ``members`` samples, and those of one that failed early.

    Filters run an ensemble of their own.
    """
    try:
        return METHODS.make(text).size(members), 0
    except InputError:  # of a package that is not installed
        return members, 0
