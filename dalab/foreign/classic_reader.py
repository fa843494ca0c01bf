"""NetCDF files of the classic format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import netcdf_file

from .limits import Limits
from .reader import Counter, describe_variable, dtype_text


class Reader:
    """An open file.

    Args:
        path: the file.
        limits: most variables and attributes.

    Raises:
        InputError: if it has more.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._file = netcdf_file(path, "r", mmap=True, maskandscale=False)
        counter = Counter(limits)
        counter.add(len(self._file._attributes))
        for variable in self._file.variables.values():
            counter.add(len(variable._attributes))

    def content(self) -> dict[str, Any]:
        """Describe the variables of the only group."""
        variables = {
            name: describe_variable(
                v.dimensions, v.shape, dtype_text(v.data.dtype), v._attributes
            )
            for name, v in self._file.variables.items()
        }
        attrs = describe_variable((), (), "", self._file._attributes)["attrs"]
        return {"/": {"variables": variables, "attrs": attrs}}

    def read(self, name: str, where: Sequence[Sequence[int]]) -> np.ndarray:
        """Read a range of a variable."""
        stored = self._file.variables[name.lstrip("/")].data
        return np.array(stored[tuple(slice(*ends) for ends in where)])
