"""Checks and words that the readers of all kinds of files share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from .limits import MB, Limits
from .messages import NUMBERS, plain_attribute

CHUNK = 256 * MB
"""Longest chunk of a variable, which is unpacked as a whole [bytes]."""

ELEMENTS = 100_000
"""Most numbers of an attribute, or texts of a variable."""

_REMEDY = "Write it anew with the variables that are needed, and nothing else."


class Counter:
    """Objects and attributes counted so far.

    Args:
        limits: most of them.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits, self.objects, self.attributes = limits, 0, 0

    def add(self, attributes: int = 0) -> None:
        """Count an object.

        Raises:
            InputError: if there are too many objects or attributes.
        """
        self.objects += 1
        self.attributes += attributes
        for name in ("objects", "attributes"):
            check(f"{name} in the file", getattr(self, name), getattr(self.limits, name))


def check(what: str, value: int, most: int) -> None:
    """Raise :class:`InputError` if there is more of something than there may be."""
    if value > most:
        raise InputError(what, value, f"must be at most {most}", _REMEDY)


def refuse_link(name: str) -> InputError:
    """Make the error of a name that leads elsewhere."""
    return InputError(name, "a link", "must be in the file itself", "Copy it into one file.")


def describe_variable(
    dims: Sequence[str], shape: Sequence[int], dtype: str, attrs: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe a variable in plain data."""
    return {
        "dims": [str(dim) for dim in dims], "shape": [int(n) for n in shape], "dtype": dtype,
        "attrs": {str(name): plain_attribute(value) for name, value in attrs.items()},
    }


def dtype_text(dtype: Any) -> str:
    """Name a dtype: that of NumPy for numbers, ``text``, or bytes of no meaning for others."""
    if not isinstance(dtype, np.dtype):
        return "text" if dtype is str else "V8"
    if dtype.kind in "UT" or dict(dtype.metadata or {}).get("vlen") is str:
        return "text"
    return dtype.str if dtype.kind in NUMBERS else f"V{dtype.itemsize or 8}"


def check_readable(name: str, dtype: str, shape: Sequence[int], chunk: int) -> None:
    """Raise :class:`InputError` unless a variable holds numbers or few texts, in small chunks."""
    if dtype.startswith("V"):
        raise InputError(f"type of {name}", dtype, "must be numbers or texts", _REMEDY)
    if dtype == "text":
        check(f"texts of {name}", math.prod(shape), ELEMENTS)
    check(f"bytes in a chunk of {name}", chunk, CHUNK)
