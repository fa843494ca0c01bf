"""Safetensors files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from .limits import MB, Limits
from .reader import check

HEADER = 4 * MB
"""Longest header [bytes]."""


class Reader:
    """An open file.

    Args:
        path: the file.
        limits: most tensors.

    Raises:
        InputError: if its header is too long, or it has too many tensors.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length <= path.stat().st_size:  # otherwise the library says what is wrong
                check("bytes of the header", length, HEADER)
        self._file = safe_open(path, framework="np")
        self._names = list(self._file.keys())
        check("tensors in the file", len(self._names), limits.objects)

    def content(self) -> dict[str, Any]:
        """Describe the tensors by name, with the header of dalab, if it has one."""
        shapes = {name: self._file.get_slice(name) for name in self._names}
        return {
            "metadata": json.loads((self._file.metadata() or {}).get("dalab", "null")),
            "tensors": {
                name: {"shape": found.get_shape(), "dtype": found.get_dtype()}
                for name, found in shapes.items()
            },
        }

    def read(self, name: str, where: Any) -> np.ndarray:
        """Read a tensor."""
        return self._file.get_tensor(name)
