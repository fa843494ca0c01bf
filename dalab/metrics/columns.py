"""Columns of the score tables of all interfaces, and how their numbers are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

NARROW, WIDE = 51, 102
"""Widths that a number, and one with an error bar, take on a page [pixels]."""


@dataclass(frozen=True)
class Column:
    """A column of a score table.

    Args:
        key: name of the score in :mod:`dalab.metrics.table`.
        title: title of the column.
        digits: digits after the decimal point.
        meaning: explanation shown as a tooltip.
        error: name of the standard error that stands in the same cell, if any.
        rank: columns of a higher rank are left out first where there is no room.
    """

    key: str
    title: str
    digits: int
    meaning: str
    error: str = ""
    rank: int = 0

    @property
    def width(self) -> int:
        """Width that it takes on a page [pixels]."""
        return WIDE if self.error else NARROW

    def cell(self, scores: Mapping[str, float]) -> str:
        """Write the score of a method, with its error bar if it has one; a dash if unknown.

        Args:
            scores: scores of the method by name.
        """
        value, error = (scores.get(name, math.nan) for name in (self.key, self.error))
        if not (math.isfinite(error) and math.isfinite(value) and abs(value) < HUGE):
            return format_score(value, self.digits)
        digits = self.digits + _further_digits(error, self.digits)
        return f"{value:.{digits}f} ± {error:.{digits}f}"


_SECONDS = Column("seconds", "Seconds", 1, "run time of the method")
_MEMBERS = Column("members", "Members", 0, "posterior samples", rank=3)

COLUMNS = (
    Column("rmse_mean", "RMSE mean", 3, "error of the ensemble mean; climatology is 1"),
    Column("rmse_sample", "RMSE one", 3, "error of one member; √2 times the mean's if calibrated"),
    Column("crps", "CRPS", 3, "fair continuous ranked probability score; lower is better"),
    Column("spread_skill", "Spread / skill", 2, "1 for a calibrated ensemble"),
    Column("network_evaluations", "Calls", 0, "evaluations of the prior's denoiser per member"),
    _SECONDS,
    _MEMBERS,
)
"""Columns of a window."""

CYCLED_COLUMNS = (
    Column("rmse_mean", "RMSE analysis", 3, "error of the analysis mean, averaged over the cycles "
           "after the burn-in, ± standard error; climatology is 1", error="rmse_mean_err"),
    Column("rmse_forecast", "RMSE forecast", 3, "the same of the forecast mean",
           error="rmse_forecast_err"),
    Column("crps", "CRPS", 3, "fair continuous ranked probability score of the analysis; lower is "
           "better", error="crps_err"),
    Column("spread", "Spread", 3, "standard deviation of the analysed members", rank=1),
    Column("spread_skill", "Spread / skill", 2, "1 for a calibrated ensemble"),
    Column("coverage", "Cover", 2, "share of the truths inside the central interval of about 90 % "
           "of the members", rank=2),
    _SECONDS,
    _MEMBERS,
)
"""Columns of a cycled experiment, whose scores are means over the cycles after the burn-in."""


FURTHER_COLUMNS = (
    Column("w2", "W2", 3, "Wasserstein distance from the reference posterior, in the units of the "
           "equations, ± standard error; lower is better", error="w2_err", rank=1),
    Column("sliced_w2", "Sliced W2", 3, "root mean square distance from the reference posterior "
           "along random directions; lower is better", rank=5),
    Column("rmse_hidden", "RMSE hidden", 3, "error of the analysis mean in the hidden fields, "
           "± standard error", error="rmse_hidden_err", rank=1),
    Column("rmse_resolved", "RMSE resolved", 3, "the same in the resolved fields", rank=4),
    Column("crps_hidden", "CRPS hidden", 3, "fair continuous ranked probability score in the "
           "hidden fields; lower is better", rank=4),
    Column("spread_hidden", "Spread hidden", 3, "standard deviation of the analysed members in the "
           "hidden fields", rank=5),
    Column("tail_brier", "Tail Brier", 4, "fair Brier score of values above the 95 % quantiles of "
           "the climate; lower is better", rank=2),
)
"""Columns of cycled experiments that have these scores, before the costs."""


def columns_of(cycled: bool, known: Iterable[str] = ()) -> tuple[Column, ...]:
    """Return the columns of a cycled experiment, or of a window.

    Args:
        cycled: True for a cycled experiment.
        known: names of all scores that there are; only some experiments have those of
            :data:`FURTHER_COLUMNS`.
    """
    if not cycled:
        return COLUMNS
    names = set(known)
    further = tuple(column for column in FURTHER_COLUMNS if column.key in names)
    costs = CYCLED_COLUMNS.index(_SECONDS)
    if not further:
        return CYCLED_COLUMNS
    return (*CYCLED_COLUMNS[:costs], *further, *CYCLED_COLUMNS[costs:])


def fitting(
    columns: Sequence[Column], fits: Callable[[Sequence[Column]], bool]
) -> tuple[Column, ...]:
    """Return the columns for which there is room, those of the highest ranks left out.

    Args:
        columns: all columns.
        fits: True if there is room for some columns.
    """
    found = list(columns)
    while not fits(found) and any(column.rank for column in found):
        found.remove(max(found, key=lambda column: column.rank))
    return tuple(found)


HUGE = 1e5
"""Scores from which on only the power of ten is written."""


def format_score(value: float, digits: int = 3) -> str:
    """Format a score: fixed digits, a power of ten if it is huge, a dash if it is unknown."""
    if value != value:
        return "–"
    return f"{value:.{digits}f}" if value < HUGE else f"{value:.0e}"


def _further_digits(error: float, digits: int) -> int:
    """Return the digits, two at most, that a standard error needs to be more than zero."""
    needed = -math.floor(math.log10(error)) if error > 0 else digits
    return min(max(needed - digits, 0), 2)
