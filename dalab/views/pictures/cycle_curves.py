"""Scores of a cycled run as curves: every cycle, a moving mean, and the rank histogram."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...experiments.cycles.recorder import Recorder

MOST = 800
"""Largest number of points of a curve."""

BINS = 25
"""Largest number of bins of a rank histogram."""

HIGHEST = 10.0
"""Largest error on an axis; that of a method that diverges is cut off."""


@dataclass(frozen=True)
class CycleCurves:
    """Errors and spread of a method against cycles, means over the repeats.

    Args:
        cycles: cycles of ``error``.
        error: RMSE of the analysis mean at these cycles; of a long run, the extremes.
        mean_cycles: cycles of the means.
        mean: moving mean of the RMSE.
        spread: moving mean of the spread of the analysis.
    """

    cycles: np.ndarray
    error: np.ndarray
    mean_cycles: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


def mean_length(cycles: int) -> int:
    """Return the number of cycles of the moving mean of a run."""
    return int(np.clip(cycles // 25, 5, 200))


def moving_mean(values: np.ndarray, length: int) -> np.ndarray:
    """Return the mean of each value and those before it, up to ``length`` of them.

    NaN are left out; a value is NaN where all are.
    """
    known = np.isfinite(values)
    sums, counts = (
        np.concatenate([[0.0], np.cumsum(np.where(known, part, 0.0))])
        for part in (values, np.ones(len(values)))
    )
    first = np.maximum(np.arange(1, len(values) + 1) - length, 0)
    total, count = sums[1:] - sums[first], counts[1:] - counts[first]
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def cycle_curves(recorder: Recorder) -> CycleCurves | None:
    """Return the curves of a method so far, or ``None`` before its first cycle."""
    count = recorder.cycle
    if not count or "rmse_analysis" not in recorder.series:
        return None
    error, spread = (
        recorder.series[name][:, :count].mean(0) for name in ("rmse_analysis", "spread_analysis")
    )
    length, cycles = mean_length(recorder.schedule.cycles), np.arange(1, count + 1)
    shown, some = _extremes(error), _some(count)
    return CycleCurves(
        cycles[shown], error[shown], cycles[some], moving_mean(error, length)[some],
        moving_mean(spread, length)[some],
    )


def _extremes(values: np.ndarray) -> np.ndarray:
    """Return indices of at most ``MOST`` values, among them the extremes of any stretch."""
    width = -(-2 * len(values) // MOST)
    if width <= 2:
        return np.arange(len(values))
    whole = len(values) // width * width
    blocks = np.nan_to_num(values[:whole]).reshape(-1, width)
    starts = np.arange(0, whole, width)
    both = np.stack([starts + blocks.argmin(1), starts + blocks.argmax(1)], 1)
    return np.concatenate([np.sort(both, 1).ravel(), np.arange(whole, len(values))])


def _some(count: int) -> np.ndarray:
    """Return at most ``MOST`` indices at equal distances, the last one among them."""
    stride = -(-count // MOST)
    return np.arange(count - 1, -1, -stride)[::-1]


def axis_limits(curves: Iterable[CycleCurves]) -> tuple[float, float]:
    """Return limits of a logarithmic axis, 1, 2 or 5 times a power of ten, that hold the curves."""
    known = [c for c in curves if np.isfinite(c.mean).any()]
    if not known:
        return 0.05, 2.0
    low = min(np.nanmin([np.nanmin(c.mean), _least(c.spread)]) for c in known)
    high = min(max(np.nanmax(c.error) for c in known), HIGHEST)
    ticks = [n * 10.0**power for power in range(-6, 2) for n in (1, 2, 5)]
    below = max((tick for tick in ticks if tick < 0.9 * low), default=ticks[0])
    return below, min((tick for tick in ticks if tick >= max(high, 3 * below)), default=HIGHEST)


def _least(values: np.ndarray) -> float:
    """Return the least value above 0; NaN if there is none."""
    above = values[values > 0]
    return float(np.min(above)) if len(above) else np.nan


@dataclass(frozen=True)
class RankHistogram:
    """Ranks of the truth among the members, in at most ``BINS`` bins.

    Args:
        position: middle of every bin, from 0 to 1.
        share: share of the truths in every bin over the share expected; empty before any.
    """

    position: np.ndarray
    share: np.ndarray


def rank_histogram(recorder: Recorder) -> RankHistogram:
    """Return the rank histogram of a method so far."""
    counts = recorder.rank_counts
    ranks, total = len(counts), counts.sum()
    if ranks < 3 or not total:
        return RankHistogram(np.empty(0), np.empty(0))
    edges = np.linspace(0, ranks, min(ranks, BINS) + 1).round().astype(int)
    share = np.add.reduceat(counts, edges[:-1]) / (np.diff(edges) * total / ranks)
    return RankHistogram((edges[:-1] + edges[1:]) / (2 * ranks), share)
