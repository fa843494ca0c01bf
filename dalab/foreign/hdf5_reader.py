"""HDF5 files, and NetCDF-4 files, which are HDF5."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
from h5py import h5a, h5d, h5l, h5o, h5p, h5s, h5t

from ..errors import InputError
from .limits import Limits
from .reader import (
    ELEMENTS,
    Counter,
    check,
    check_readable,
    describe_variable,
    dtype_text,
    refuse_link,
)


class Reader:
    """An open file whose objects have been counted.

    Args:
        path: the file.
        limits: most objects, attributes and groups within groups.

    Raises:
        InputError: if it has more, or refers to anything twice or elsewhere.
        OSError: if it is no HDF5 file.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        with h5py.File(path, "r") as file:
            _count(file, limits)
        self._file = h5netcdf.File(path, "r", phony_dims="access", decode_vlen_strings=True)

    def content(self) -> dict[str, Any]:
        """Describe the variables of every group, by its path."""
        return {group.name: _describe(group) for group in _groups(self._file)}

    def read(self, name: str, where: Sequence[Sequence[int]]) -> Any:
        """Read a range of a variable."""
        variable = self._file[name]
        chunk = math.prod(variable.chunks or (1,)) * getattr(variable.dtype, "itemsize", 16)
        check_readable(name, dtype_text(variable.dtype), variable.shape, chunk)
        return variable[tuple(slice(*ends) for ends in where)]


def _groups(group: Any) -> Iterator[Any]:
    yield group
    for name in group.groups:
        yield from _groups(group.groups[name])


def _describe(group: Any) -> dict[str, Any]:
    variables = {
        name: describe_variable(v.dimensions, v.shape, dtype_text(v.dtype), v.attrs)
        for name, v in group.variables.items()
    }
    return {"variables": variables, "attrs": describe_variable((), (), "", group.attrs)["attrs"]}


def _count(file: h5py.File, limits: Limits) -> None:
    """Count the objects of a file, each once, and refuse links and too many of anything."""
    counter, seen = Counter(limits), {h5o.get_info(file.id).addr}
    groups = deque([(file.id, "", 0)])
    _count_attributes(file.id, "/", counter)
    while groups:
        group, path, depth = groups.popleft()
        check("groups within groups", depth, limits.depth)
        for name in _names(group, limits.objects):
            item = _open(group, name, f"{path}/{name.decode('utf-8', 'replace')}", seen)
            full = f"{path}/{name.decode('utf-8', 'replace')}"
            _count_attributes(item, full, counter)
            if isinstance(item, h5py.h5g.GroupID):
                groups.append((item, full, depth + 1))
            elif isinstance(item, h5d.DatasetID):
                _check_dataset(item, full)


def _names(group: Any, most: int) -> list[bytes]:
    """Return the names in a group, and not many more than there may be."""
    names: list[bytes] = []

    def collect(name: bytes) -> bool | None:
        names.append(name)
        return True if len(names) > most else None

    group.links.iterate(collect)
    check("objects in the file", len(names), most)
    return names


def _open(group: Any, name: bytes, full: str, seen: set[int]) -> Any:
    """Open an object that is in the file itself and has one name."""
    if group.links.get_info(name).type != h5l.TYPE_HARD:
        raise refuse_link(full)
    item = h5o.open(group, name)
    address = h5o.get_info(item).addr
    if address in seen:
        raise InputError(full, "another name", "must be an object of its own", "Copy it.")
    seen.add(address)
    return item


def _count_attributes(item: Any, full: str, counter: Counter) -> None:
    count = h5a.get_num_attrs(item) if not isinstance(item, h5t.TypeID) else 0
    counter.add(count)
    for index in range(count):
        attribute = h5a.open(item, index=index)
        space = attribute.get_space()
        size = space.get_simple_extent_npoints() if space.get_simple_extent_type() else 1
        check(f"numbers in an attribute of {full}", size, ELEMENTS)


def _check_dataset(item: Any, full: str) -> None:
    """Refuse a dataset whose numbers are elsewhere."""
    plan: h5p.PropDCID = item.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5d.VIRTUAL:
        raise refuse_link(full)
    if item.get_space().get_simple_extent_type() == h5s.NULL:
        raise InputError(full, "empty", "must have values", "Leave it out.")
