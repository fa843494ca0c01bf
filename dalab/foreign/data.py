"""NetCDF, HDF5 and Zarr files of unknown origin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .files import check_file
from .limits import Limits
from .messages import attribute
from .process import Process

LONGEST = 1000
"""Longest path of a group, or name of a variable [characters]."""

_CLASSIC = b"CDF"
_TEXT = 64
"""Bytes that an element of a text variable is counted for."""


@dataclass(frozen=True)
class Variable:
    """A variable of a file, unread.

    Args:
        path: group and name in the file.
        dims: names of its axes.
        shape: numbers of values along them.
        dtype: of its values, as stored; ``None`` for texts.
        attrs: its attributes.
    """

    path: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype | None
    attrs: Mapping[str, Any]

    @property
    def nbytes(self) -> int:
        """Length of all its values, unpacked [bytes]."""
        return self.size(self.shape)

    def size(self, shape: tuple[int, ...]) -> int:
        """Length of a part of its values [bytes]."""
        return math.prod(shape) * (_TEXT if self.dtype is None else self.dtype.itemsize)


@dataclass(frozen=True)
class Group:
    """A group of a file: its variables by name, and its attributes."""

    variables: Mapping[str, Variable]
    attrs: Mapping[str, Any]


class ForeignData:
    """An open file of variables, whose values are read on demand.

    Args:
        process: the process that has opened it.

    Raises:
        InputError: for a name that fits into no message.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self.groups = {path: _group(path, group) for path, group in process.content.items()}
        for path, group in self.groups.items():
            _check_names(path, *group.variables)

    @property
    def root(self) -> Group:
        """The outermost group."""
        return self.groups["/"]

    @property
    def nbytes(self) -> int:
        """Length of the values of all variables, unpacked [bytes]."""
        return sum(v.nbytes for group in self.groups.values() for v in group.variables.values())

    def read(self, variable: Variable, where: Mapping[str, slice] | None = None) -> np.ndarray:
        """Read a variable, as stored, or a part of it.

        Args:
            variable: one of this file.
            where: ranges by name of an axis; all of the other axes.

        Raises:
            InputError: if it cannot be read within the limits.
        """
        chosen = [
            (where or {}).get(dim, slice(None)).indices(size)[:2]
            for dim, size in zip(variable.dims, variable.shape, strict=True)
        ]
        shape = tuple(max(stop - start, 0) for start, stop in chosen)
        return self._process.read(variable.path, chosen, variable.size(shape))

    def close(self) -> None:
        """End the process that reads it."""
        self._process.close()

    def __enter__(self) -> ForeignData:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_data(
    path: str | Path, *, what: str, must: str, remedy: str, limits: Limits | None = None
) -> ForeignData:
    """Open a NetCDF or HDF5 file, or a Zarr store, to read from it.

    Args:
        path: file, or folder of a store.
        what: name of the file in messages.
        must: what it has to be, such as "must be NetCDF".
        remedy: advice to whoever gave another file.
        limits: those of :meth:`Limits.of` by default.

    Raises:
        InputError: if it is missing, no such file, or takes more to read than the limits allow.
    """
    path = check_file(path, what, folder=True)
    try:
        reader, limits = _kind(path), limits or Limits.of(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(what, str(path), f"cannot be read ({reason})", remedy) from None
    process = Process(reader, path, limits, what=what, must=must, remedy=remedy)
    try:
        return ForeignData(process)
    except BaseException:
        process.close()
        raise


def _check_names(*names: str) -> None:
    for name in names:
        if len(name) > LONGEST or not name.isprintable():
            raise InputError(
                "name in the file", name[:40], f"must be at most {LONGEST} printable characters",
                "Rename it.",
            )


def _kind(path: Path) -> str:
    """Return the reader of a file."""
    if path.is_dir():
        return "zarr"
    with path.open("rb") as file:
        return "classic" if file.read(3) == _CLASSIC else "hdf5"


def _group(path: str, content: Mapping[str, Any]) -> Group:
    variables = {
        name: Variable(
            f"{path.rstrip('/')}/{name}", tuple(about["dims"]), tuple(about["shape"]),
            None if about["dtype"] == "text" else np.dtype(about["dtype"]),
            _attributes(about["attrs"]),
        )
        for name, about in content["variables"].items()
    }
    return Group(variables, _attributes(content["attrs"]))


def _attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attribute(value) for name, value in values.items()}
