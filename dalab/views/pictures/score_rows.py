"""Scores of a run so far, as the score tables of both interfaces take them."""

from __future__ import annotations

from collections.abc import Mapping

from ...experiments.run import MethodScores
from ...metrics.columns import columns_of


def score_rows(
    scores: Mapping[str, MethodScores], cycled: bool = False
) -> dict[str, dict[str, float]]:
    """Collect the scores of every method that has started, by label; NaN for unknown ones.

    Args:
        scores: scores of a run so far, by label.
        cycled: True for the columns of a cycled run.
    """
    further = [name for known in scores.values() for name in known.further]
    columns = columns_of(cycled, further)
    keys = [key for column in columns for key in (column.key, column.error) if key]
    return {
        label: {key: known.score(key) for key in keys}
        for label, known in scores.items()
        if len(known.rmse_steps)
    }
