"""Columns of the score table of both interfaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...experiments.run import MethodScores


@dataclass(frozen=True)
class Column:
    """A column of the score table.

    Args:
        key: name of the score in :mod:`dalab.metrics.table`.
        title: title of the column.
        digits: digits after the decimal point.
        meaning: explanation shown as a tooltip.
    """

    key: str
    title: str
    digits: int
    meaning: str


COLUMNS = (
    Column("rmse_mean", "RMSE mean", 3, "error of the ensemble mean; climatology is 1"),
    Column("rmse_sample", "RMSE one", 3, "error of one member; √2 times the mean's if calibrated"),
    Column("crps", "CRPS", 3, "fair continuous ranked probability score; lower is better"),
    Column("spread_skill", "Spread / skill", 2, "1 for a calibrated ensemble"),
    Column("network_evaluations", "Calls", 0, "evaluations of the prior's denoiser per member"),
    Column("seconds", "Seconds", 1, "run time of the method"),
    Column("peak_memory_mb", "MiB", 0, "peak memory of the method"),
    Column("members", "Members", 0, "posterior samples"),
)


def score_rows(scores: Mapping[str, MethodScores]) -> dict[str, dict[str, float]]:
    """Collect the columns of every method that has started, by label; NaN for unknown scores.

    Args:
        scores: scores of a run so far, by label.
    """
    return {
        label: {column.key: float(getattr(known, column.key)) for column in COLUMNS}
        for label, known in scores.items()
        if len(known.rmse_steps)
    }
