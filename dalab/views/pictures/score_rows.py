"""Scores of a run so far, as the score tables of both interfaces take them."""

from __future__ import annotations

from collections.abc import Mapping

from ...experiments.run import MethodScores
from ...metrics.columns import COLUMNS, CYCLED_COLUMNS

KEYS = tuple(dict.fromkeys(
    key for column in (*COLUMNS, *CYCLED_COLUMNS) for key in (column.key, column.error) if key
))
"""Names of all scores and their standard errors."""


def score_rows(scores: Mapping[str, MethodScores]) -> dict[str, dict[str, float]]:
    """Collect the scores of every method that has started, by label; NaN for unknown ones.

    Args:
        scores: scores of a run so far, by label.
    """
    return {
        label: {key: float(getattr(known, key)) for key in KEYS}
        for label, known in scores.items()
        if len(known.rmse_steps)
    }
