"""Curves of a lesson: the estimate, and its references as far as they may be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import xarray as xr

from ....experiments.exact import Exact
from ....experiments.twin import Twin

Band = tuple[np.ndarray, np.ndarray]
"""Mean and standard deviation, or places and values."""

SHOWN_STEPS = (0, 4, 8)
"""Steps of a ring that are drawn."""


@dataclass(frozen=True)
class LessonPlot:
    """One curve with its uncertainty, and its references.

    Args:
        title: name of the variable or step.
        xlabel: of the horizontal axis.
        ylabel: of the vertical axis.
        x: places or times.
        estimate: mean and standard deviation, or none yet.
        seen: places and values of the readings.
        exact: mean and standard deviation, if asked for.
        truth: if it is no longer hidden.
    """

    title: str
    xlabel: str
    ylabel: str
    x: np.ndarray
    estimate: Band | None = None
    seen: Band | None = None
    exact: Band | None = None
    truth: np.ndarray | None = None


def lesson_plots(
    twin: Twin, result: xr.DataTree | None, exact: Exact | None, reveal: bool
) -> list[LessonPlot]:
    """Return three plots: the variables of a flow without space, or a ring at three steps.

    Args:
        twin: truth and readings.
        result: of the attempt; it may lack an estimate.
        exact: the exact answer, if it is to be drawn.
        reveal: whether the truth is drawn.
    """
    fields = {"truth": _physical(twin, twin.truth.numpy())}
    members = _members(result)
    if members is not None:
        fields["mean"] = _physical(twin, members.mean(0))
        fields["std"] = members.std(0, ddof=1) * _scale(twin)
    if exact is not None:
        fields["exact mean"] = _physical(twin, exact.mean.numpy())
        fields["exact std"] = exact.std.numpy() * _scale(twin)
    return [_plot(twin, i, fields, reveal) for i in range(3)]


def _members(result: xr.DataTree | None) -> np.ndarray | None:
    """Return the estimate of an attempt, if it gave one."""
    if result is None or "estimates" not in result.children:
        return None
    label = next(iter(result["estimates"].children))
    return cast(xr.DataArray, result[f"estimates/{label}/pv"]).values


def _plot(twin: Twin, i: int, fields: dict[str, np.ndarray], reveal: bool) -> LessonPlot:
    ring = _is_ring(twin)
    cut = {name: _cut(field, i, ring) for name, field in fields.items()}
    words: dict[str, Any] = {
        "title": f"Step {SHOWN_STEPS[i]}", "xlabel": "site",
        "ylabel": twin.system.quantity.removesuffix(" anomaly"),
    } if ring else {"title": "xyz"[i], "xlabel": "model time", "ylabel": "xyz"[i]}
    return LessonPlot(
        x=_abscissa(twin), estimate=_band(cut, "mean", "std"), seen=_readings(twin, i),
        exact=_band(cut, "exact mean", "exact std"), truth=cut["truth"] if reveal else None,
        **words,
    )


def _is_ring(twin: Twin) -> bool:
    return twin.system.shape[-1] > 1


def _cut(values: np.ndarray, i: int, ring: bool) -> np.ndarray:
    """Return one row of ``(time, lev, 1, x)``: a step of a ring, or a variable in time."""
    return values[SHOWN_STEPS[i], 0, 0] if ring else values[:, i, 0, 0]


def _abscissa(twin: Twin) -> np.ndarray:
    """Return sites from 1, or times in units of the model."""
    if _is_ring(twin):
        return np.arange(1, twin.system.shape[-1] + 1)
    return np.arange(len(twin.truth)) * twin.system.interval


def _readings(twin: Twin, i: int) -> Band:
    """Return places and values of what the first instrument has read."""
    instrument, ring = twin.problem.network.instruments[0], _is_ring(twin)
    values = _physical(twin, instrument.put(twin.problem.data).numpy())
    mask = instrument.mask.numpy()[:, 0]
    where = mask[SHOWN_STEPS[i]] if ring else mask[:, 0]
    return _abscissa(twin)[where], _cut(values, i, ring)[where]


def _scale(twin: Twin) -> np.ndarray:
    return twin.system.scale.numpy()


def _physical(twin: Twin, values: np.ndarray) -> np.ndarray:
    return twin.system.offset.numpy() + _scale(twin) * values


def _band(cut: dict[str, np.ndarray], mean: str, std: str) -> Band | None:
    return (cut[mean], cut[std]) if mean in cut else None
