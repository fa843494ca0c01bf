"""Safetensors files of unknown origin."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from .files import check_file
from .limits import Limits
from .process import Process

_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2}


class TensorFile:
    """An open file of tensors, which are read on demand.

    Args:
        process: the process that has opened it.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self.metadata: Any = process.content["metadata"]
        self._tensors: dict[str, Any] = process.content["tensors"]

    def keys(self) -> list[str]:
        """Return the names of the tensors."""
        return list(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return tuple(self._tensors[name]["shape"])

    def read(self, name: str) -> np.ndarray:
        """Read a tensor.

        Raises:
            InputError: if it is truncated, or its numbers are of a type that NumPy lacks.
        """
        size = _BYTES.get(self._tensors[name]["dtype"], 1)
        return self._process.read(name, size=size * int(np.prod(self.shape(name), dtype=np.int64)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.close()


def open_tensors(path: str | Path, *, what: str, must: str, remedy: str) -> TensorFile:
    """Open a safetensors file, to read from it.

    Args:
        path: the file.
        what: name of the file in messages.
        must: what it has to be.
        remedy: advice to whoever gave another file.

    Raises:
        InputError: if it is missing, truncated, no such file, or takes too much to read.
    """
    path = check_file(path, what)
    limits = Limits.of(path)
    return TensorFile(Process("safetensors", path, limits, what=what, must=must, remedy=remedy))
