"""What the score table of both interfaces shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...experiments.run import MethodScores


@dataclass(frozen=True)
class Column:
    """One score.

    Args:
        key: its name in :mod:`dalab.metrics.table`.
        title: over the column.
        digits: after the point.
        meaning: a sentence for those who ask.
    """

    key: str
    title: str
    digits: int
    meaning: str


COLUMNS = (
    Column("rmse_mean", "RMSE mean", 3, "error of the ensemble mean; climatology is 1"),
    Column("rmse_sample", "RMSE one", 3, "error of one member: a calibrated one has √2 times more"),
    Column("crps", "CRPS", 3, "fair continuous ranked probability score; lower is better"),
    Column("spread_skill", "Spread / skill", 2, "1 where the ensemble knows its own error"),
    Column("network_evaluations", "Calls", 0, "calls of the prior's denoiser per member"),
    Column("seconds", "Seconds", 1, "time spent in the method"),
    Column("peak_memory_mb", "MiB", 0, "peak memory of the method"),
    Column("members", "Members", 0, "posterior samples"),
)


def score_rows(scores: Mapping[str, MethodScores]) -> dict[str, dict[str, float]]:
    """The columns of every method that has begun, by label; NaN for what is not known yet.

    Args:
        scores: scores of a run so far, by label.
    """
    return {
        label: {column.key: float(getattr(known, column.key)) for column in COLUMNS}
        for label, known in scores.items()
        if len(known.rmse_steps)
    }




