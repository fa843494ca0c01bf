"""Members that are lost: one rule for all scores.

An ensemble with a member that is not finite has no scores: they are NaN, at the times at which it
is so and over any window with such a time. A number of the members that are left would be that of
another, luckier ensemble. A run in which a member diverges fails by the same rule.
"""

from __future__ import annotations

import numpy as np
import xarray as xr


def is_whole(*fields: xr.DataArray) -> bool:
    """True if all values are finite."""
    return all(bool(np.isfinite(field.values).all()) for field in fields)


def without_lost(scores: xr.DataArray, *fields: xr.DataArray) -> xr.DataArray:
    """Set scores by ``time`` to NaN where a field has values that are not finite.

    Args:
        scores: dim ``time``.
        fields: any dims, ``time`` among them.
    """
    for field in fields:
        finite = np.isfinite(field.transpose("time", ...).values)
        scores = scores.where(finite.reshape(len(finite), -1).all(1))
    return scores
