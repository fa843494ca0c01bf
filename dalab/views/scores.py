"""What the score table of both interfaces shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..experiments.run import MethodScores
from .emblems import emblem
from .words import spelt


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


def scores_html(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The score table as plain HTML, for where nothing needs sorting."""
    if not rows:
        return ""
    head = "".join(f"<th title='{c.meaning}'>{c.title}</th>" for c in COLUMNS)
    body = "".join(
        f"<tr><td class='name'>{emblem(label)} {label}</td>"
        + "".join(f"<td>{spelt(row[c.key], c.digits)}</td>" for c in COLUMNS) + "</tr>"
        for label, row in rows.items()
    )
    rows_html = f"<tr><th></th>{head}</tr>{body}"
    return f"<style>{_TABLE}</style><table class='lab-scores'>{rows_html}</table>"


_TABLE = """
.lab-scores { border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums; }
.lab-scores th { font-size: 11px; font-weight: 600; }
.lab-scores th, .lab-scores td { padding: 2px 12px; text-align: right; }
.lab-scores td.name { text-align: left; }
.lab-scores tr { border-bottom: 1px solid var(--jp-border-color2, #dde2e8); }
"""
