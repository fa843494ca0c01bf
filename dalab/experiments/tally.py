"""What a table says about its methods, in one row each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..methods import METHODS
from ..methods.sampler import Diffusion
from .table import CELL

CALIBRATED = (0.85, 1.15)
"""Between these, spread/skill and the share of outer ranks count as calibrated."""


def tally(rows: Sequence[dict[str, str]]) -> pd.DataFrame:
    """Means over cells and seeds, and how often each method is best or calibrated.

    Args:
        rows: of a table, from :func:`dalab.experiments.table.read`.

    Returns:
        By method: ``runs``; ``failed``, the share of them; ``rmse_sample``, ``rmse_mean`` and
        ``crps``, over what is complete; ``best``, the share of cells in which it has the lowest
        one-sample RMSE among the diffusion methods (NaN for others; a failure counts as infinite);
        ``calibrated``, the share of cells with spread/skill and outer ranks within
        :data:`CALIBRATED`; ``evaluations`` and ``seconds``.
    """
    frame = pd.DataFrame(rows).replace("", np.nan)
    frame = frame.rename(columns={"network_evaluations": "evaluations"})
    numbers = ["rmse_sample", "rmse_mean", "crps", "spread_skill", "outer_ranks", "evaluations",
               "seconds"]
    frame[numbers] = frame[numbers].astype(float)
    frame["failed"] = frame["status"] != "complete"
    frame.loc[frame["failed"], numbers[:5]] = np.nan
    cells = frame.groupby(["method", *CELL])[[*numbers, "failed"]].mean()
    good = (cells[["spread_skill", "outer_ranks"]].stack().between(*CALIBRATED)).unstack()
    by = cells.groupby("method")
    found = by[["failed", "rmse_sample", "rmse_mean", "crps", "evaluations", "seconds"]].mean()
    found.insert(0, "runs", frame.groupby("method").size())
    found["best"] = _best(cells["rmse_sample"])
    found["calibrated"] = good.all(axis=1).groupby("method").mean()
    return found.sort_values("crps")


def _best(rmse: pd.Series) -> pd.Series:
    """Share of the cells of each diffusion method in which its RMSE is the lowest of them."""
    methods = rmse.index.get_level_values("method")
    rivals = rmse[[issubclass(METHODS[m.partition(":")[0]], Diffusion) for m in methods]]
    lowest = rivals.fillna(np.inf).groupby(list(CELL)).transform("min")
    return (rivals == lowest).groupby("method").mean()
