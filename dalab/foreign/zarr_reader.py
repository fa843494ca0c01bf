"""Zarr stores in folders."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numcodecs
import zarr
from zarr.storage import LocalStore

from ..errors import InputError
from .limits import MB, Limits
from .reader import Counter, check, check_readable, describe_variable, dtype_text, refuse_link

METADATA = 4 * MB
"""Longest file of metadata [bytes]."""

_MARKS = (".zarray", ".zgroup", "zarr.json")
_DIMS = "_ARRAY_DIMENSIONS"


class PlainStore(LocalStore):
    """A store in a folder that reads plain files of that folder, and no long metadata."""

    async def get(self, key: str, *args: Any, **keywords: Any) -> Any:
        """Read a file of the store, if it is one."""
        path = self.root / key
        mode = path.lstat() if path.is_symlink() or path.exists() else None
        if mode is not None:
            inside = path.resolve().is_relative_to(self.root.resolve())
            if not stat.S_ISREG(mode.st_mode) or not inside:
                raise refuse_link(key)
            if path.name.startswith(".z") or path.suffix == ".json":
                check(f"bytes of {key}", mode.st_size, METADATA)
        return await super().get(key, *args, **keywords)


class Reader:
    """An open store whose arrays have been counted.

    Args:
        path: the folder.
        limits: most objects, attributes and groups within groups.

    Raises:
        InputError: if it has more.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        numcodecs.registry.codec_registry.pop("pickle", None)  # it runs what it reads
        zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
        self._path, self._limits, self._counter = path, limits, Counter(limits)
        self._root = zarr.open_group(
            PlainStore(path, read_only=True), mode="r", use_consolidated=False
        )

    def content(self) -> dict[str, Any]:
        """Describe the arrays of every group, by its path."""
        return {
            path: self._describe(group) for path, group in self._groups(self._root, "/", 0)
        }

    def _groups(self, group: zarr.Group, path: str, depth: int) -> Iterator[tuple[str, Any]]:
        check("groups within groups", depth, self._limits.depth)
        self._counter.add(len(group.attrs))
        yield path, group
        for name in self._names(group):
            item = group[name]
            if isinstance(item, zarr.Group):
                yield from self._groups(item, f"{path.rstrip('/')}/{name}", depth + 1)

    def _names(self, group: zarr.Group) -> list[str]:
        """Return the names of the groups and arrays in a group."""
        names: list[str] = []
        with os.scandir(self._path / group.path) as entries:
            for entry in entries:
                if any((Path(entry.path) / mark).exists() for mark in _MARKS):
                    names.append(entry.name)
                check("objects in the file", len(names), self._limits.objects)
        return sorted(names)

    def _describe(self, group: zarr.Group) -> dict[str, Any]:
        arrays = {name: group[name] for name in self._names(group)}
        variables = {
            name: self._variable(item) for name, item in arrays.items()
            if isinstance(item, zarr.Array)
        }
        attrs = describe_variable((), (), "", dict(group.attrs))["attrs"]
        return {"variables": variables, "attrs": attrs}

    def _variable(self, array: zarr.Array) -> dict[str, Any]:
        attrs = dict(array.attrs)
        self._counter.add(len(attrs))
        found: Any = attrs.pop(_DIMS, None) or getattr(array.metadata, "dimension_names", None)
        dims = found or [f"dim_{i}" for i in range(array.ndim)]
        if len(dims) != array.ndim:
            bound = f"must be {array.ndim}, one for each axis"
            raise InputError(f"dims of {array.name}", str(dims), bound, "Mend them.")
        fill = array.fill_value
        if isinstance(attrs.get("_FillValue"), str):
            attrs.pop("_FillValue")  # encoded in Zarr 3: missing numbers are NaN
        if array.metadata.zarr_format == 2 and fill is not None and _type(array) != "text":
            attrs["_FillValue"] = fill
        return describe_variable(dims, array.shape, _type(array), attrs)

    def read(self, name: str, where: Sequence[Sequence[int]]) -> Any:
        """Read a range of an array."""
        array: Any = self._root[name.lstrip("/")]
        size = 1 if array.dtype.kind == "O" else array.dtype.itemsize
        check_readable(name, _type(array), array.shape, math.prod(array.chunks) * size)
        return array[tuple(slice(*ends) for ends in where)]


def _type(array: zarr.Array) -> str:
    """Name the type of an array; an object array that zarr can open holds texts."""
    return "text" if array.dtype.kind == "O" else dtype_text(array.dtype)
