"""Axes of stored states, read by their coordinates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...errors import InputError
from ...foreign import ForeignData
from ...systems import System
from .units import conversion

_COUNTED = ("", "1", "grid point", "grid points")
"""Units of coordinates that say nothing: cells are counted, or it is pyqg, which uses metres."""

TOLERANCE = 0.01
"""Deviation of a spacing from the mean of all, as a part of it, that is taken for round-off."""


def reading_order(file: ForeignData, dim: str, size: int) -> np.ndarray:
    """Positions in which an axis has to be read to ascend, ``(size,)``; fields from the top down.

    Args:
        file: open file.
        dim: ``lev``, ``y`` or ``x``.
        size: length of the axis.

    Raises:
        InputError: for coordinates that are no numbers, not distinct, or not evenly spaced.
    """
    values = coordinate(file, dim)
    if values is None or size == 1:
        return np.arange(size)
    order = np.argsort(values, kind="stable")
    steps = np.diff(values[order])
    if not (steps > 0).all():
        raise InputError(
            f"coordinate {dim}", float(values[order][int((steps <= 0).argmax())]),
            "must have every value once", f"Number the values of {dim}.",
        )
    if dim != "lev":
        _check_spacing(dim, steps)
    elif str(file.root.variables[dim].attrs.get("positive", "")).lower() == "up":
        return order[::-1]
    return order


def coordinate(file: ForeignData, dim: str) -> np.ndarray | None:
    """Values of a coordinate, float64; ``None`` if the file has none.

    Raises:
        InputError: unless they are finite numbers along their own axis.
    """
    variable = file.root.variables.get(dim)
    if variable is None:
        return None
    numbers = variable.dtype is not None and variable.dtype.kind in "iuf"
    if variable.dims != (dim,) or not numbers:
        raise InputError(
            f"coordinate {dim}", f"dims {variable.dims}, type {variable.dtype or 'text'}",
            f"must be numbers along {dim}", "Number its values, or leave it out.",
        )
    values = file.read(variable).astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"coordinate {dim}", "NaN or infinity", "must be finite", "Mend it.")
    return values


def _check_spacing(dim: str, steps: np.ndarray) -> None:
    mean = steps.mean()
    worst = steps[np.abs(steps - mean).argmax()]
    if abs(worst - mean) > TOLERANCE * mean:
        raise InputError(
            f"spacing of coordinate {dim}", float(worst),
            f"must be the same everywhere, {mean:g} here, within {TOLERANCE:.0%}",
            "Interpolate q to an even grid.",
        )


def sides_of(file: ForeignData, system: System, sizes: Mapping[str, int]) -> dict[str, float]:
    """Lengths of the domain that the coordinates imply, by axis [length unit of the system].

    Args:
        file: open file.
        system: gives the length unit.
        sizes: numbers of cells along y and x.

    Raises:
        InputError: for units that are no length.
    """
    if system.length_unit == "1":
        return {}
    found = {dim: _side(file, dim, size, system.length_unit) for dim, size in sizes.items()}
    return {dim: side for dim, side in found.items() if side is not None}


def _side(file: ForeignData, dim: str, size: int, unit: str) -> float | None:
    values = coordinate(file, dim)
    if values is None or size == 1:
        return None
    spacing = float(np.ptp(values)) / (size - 1)
    text = str(file.root.variables[dim].attrs.get("units", "")).strip()
    if text.lower() in _COUNTED:
        return None if abs(spacing - 1) < TOLERANCE else size * spacing
    factor = conversion(text, unit)
    if factor is None:
        raise InputError(
            f"units of {dim}", text[:80], f"must be a length, such as {unit}",
            f"Give {dim} in {unit}, or leave it out.",
        )
    return size * spacing * factor
