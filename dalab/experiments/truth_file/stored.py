"""States in a file: where they are, in which units, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...foreign import ForeignData, Variable, open_data
from ...systems import System
from .axes import coordinate, reading_order, sides_of
from .parameters import check_parameters
from .units import conversion

DIMS = ("time", "lev", "y", "x")
LAYOUT = "Write it like pyqg's to_dataset(): q with dims (time, lev, y, x), in s^-1."


class StoredStates:
    """The states of an open file, checked against a system but for their values.

    Args:
        file: the open file.
        path: where it is.
        system: whose shape, domain, parameters and units the states have to have.
        what: name of the file in messages.

    Raises:
        InputError: naming what does not fit and how to mend it.
    """

    def __init__(self, file: ForeignData, path: Path, system: System, what: str) -> None:
        self.file, self.path, self.system = file, path, system
        self.variables: Mapping[str, Variable] = file.root.variables
        self._q = _find(self.variables, path, what)
        self._factor = _factor(self._q, system)
        sizes = dict(zip(self._q.dims, self._q.shape, strict=True))
        self.count = sizes["time"]
        _check_grid(tuple(sizes[dim] for dim in DIMS[1:]), system)
        self._order = {dim: reading_order(file, dim, sizes[dim]) for dim in DIMS[1:]}
        sides = sides_of(file, system, {dim: sizes[dim] for dim in "yx"})
        check_parameters(file, path.name, system, sides, self._order["lev"])

    @cached_property
    def times(self) -> np.ndarray:
        """Times of the states, in the unit of the file, ``(time,)``.

        Raises:
            InputError: if there are none.
        """
        found = coordinate(self.file, "time")
        if found is None:
            raise InputError("time", "absent", "must be a coordinate, in seconds", LAYOUT)
        return found

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read states in physical units, ``(time, lev, y, x)``, float64.

        Raises:
            InputError: for complex numbers.
        """
        stored = self.file.read(self._q, {"time": slice(start, stop)})
        values = _decode(stored, self._q)
        order = [self._q.dims.index(dim) for dim in DIMS]
        values = _real(np.transpose(values, order)).astype(np.float64)
        for axis, dim in enumerate(DIMS[1:], 1):
            values = np.take(values, self._order[dim], axis)
        return values * self._factor


def open_states(path: Path, what: str) -> ForeignData:
    """Open a file of states.

    Raises:
        InputError: if it is missing, or neither NetCDF nor Zarr, or unreasonable to read.
    """
    must = "must be NetCDF or Zarr that can be read"
    return open_data(path, what=what, must=must, remedy=LAYOUT)


def _find(variables: Mapping[str, Variable], path: Path, what: str) -> Variable:
    if "q" not in variables:
        fields = [name[:40] for name, v in variables.items() if v.dims != (name,)]
        names = ", ".join(fields[:8]) or "no variable"
        raise InputError(what, str(path), f"must have a variable q, has {names}", LAYOUT)
    q = variables["q"]
    if set(q.dims) != set(DIMS) or len(q.dims) != len(DIMS):
        raise InputError("dims of q", q.dims, "must be (time, lev, y, x)", LAYOUT)
    return q


def _factor(q: Variable, system: System) -> float:
    """Return the factor from the units of the file to those of the system."""
    text = str(q.attrs.get("units", system.units))
    factor = conversion(text, system.units)
    if factor is not None:
        return factor
    wanted, remedy = "1 or absent", "Leave them out."
    if system.units != "1":
        wanted, remedy = f"{system.units}, or convertible to it", "Convert q to SI."
    raise InputError("units of q", text[:80], f"must be {wanted}", remedy)


def _check_grid(found: tuple[int, ...], system: System) -> None:
    wanted = tuple(system.shape)
    if found == wanted:
        return
    factor = found[-1] / wanted[-1]
    blocks = factor > 1 and found == (wanted[0], *(int(factor) * n for n in wanted[1:]))
    raise InputError(
        "grid of q (lev, y, x)", found, f"must be {wanted} for the system {system.name}",
        f"Average it over {int(factor)} x {int(factor)} cells: q.coarsen(y={int(factor)}, "
        f"x={int(factor)}).mean()." if blocks else "Regrid the file or choose another system.",
    )


def _decode(stored: np.ndarray, q: Variable) -> np.ndarray:
    """Apply the scale, the offset and the missing value of packed numbers."""
    packing = ("_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned")
    attrs = {name: q.attrs[name] for name in packing if name in q.attrs}
    if not attrs or stored.dtype.kind == "c":
        return stored
    import xarray as xr  # here, because it takes longer to import than most commands run

    try:
        variable = xr.Variable(q.dims, stored, attrs)
        return xr.conventions.decode_cf_variable("q", variable, decode_times=False).values
    except Exception as error:  # attributes may be anything
        raise InputError(
            "packing of q", {name: str(value)[:40] for name, value in attrs.items()},
            f"must be numbers after the CF conventions ({str(error)[:80]})", "Store it unpacked.",
        ) from None


def _real(values: np.ndarray) -> np.ndarray:
    """Return real numbers.

    Raises:
        InputError: for an imaginary part, or values that are no numbers.
    """
    if values.dtype.kind not in "biufc":
        raise InputError("type of q", str(values.dtype), "must be numbers", LAYOUT)
    if values.dtype.kind != "c":
        return values
    largest = float(np.abs(values.imag).max(initial=0.0))
    if largest:
        raise InputError(
            "imaginary part of q", largest, "must be zero",
            "Store PV in real space: in pyqg it is q, not qh.",
        )
    return values.real
