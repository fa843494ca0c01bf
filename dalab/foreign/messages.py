"""Messages between the lab and the process that reads a file: a line of JSON, then plain bytes.

Nothing is pickled, so that a process that was taken over can only send wrong numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

LONGEST = 32 << 20
"""Longest line [bytes]."""

NUMBERS = "biufcS"
"""Kinds of dtypes whose bytes are sent as they are."""


def send(stream: BinaryIO, message: Mapping[str, Any], values: np.ndarray | None = None) -> None:
    """Write a message, and the bytes of an array after it."""
    stream.write(json.dumps(message).encode() + b"\n")
    if values is not None:
        stream.write(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    stream.flush()


def receive(stream: BinaryIO) -> dict[str, Any]:
    """Read a message; empty at the end of the stream, or if it is none.

    Raises:
        ValueError: if it is too long or no JSON.
    """
    line = stream.readline(LONGEST)
    return json.loads(line) if line.endswith(b"\n") else {}


def receive_array(stream: BinaryIO, dtype: str, shape: list[int]) -> np.ndarray:
    """Read the bytes of an array.

    Raises:
        EOFError: if there are too few.
    """
    kind = np.dtype(dtype)
    buffer = bytearray(math.prod(shape) * kind.itemsize)
    view, done = memoryview(buffer), 0
    while done < len(buffer):
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        done += count
    return np.frombuffer(buffer, kind).reshape(shape)


def plain_attribute(value: Any) -> Any:
    """Turn the value of an attribute into JSON: texts, lists of texts, or numbers of a dtype."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        return {"dtype": array.dtype.str, "numbers": array.tolist()}
    if array.dtype.kind in "OSU" and array.ndim:
        return [plain_attribute(item) for item in array.ravel() if isinstance(item, bytes | str)]
    return str(value)


def attribute(value: Any) -> Any:
    """Inverse of :func:`plain_attribute`."""
    if isinstance(value, dict):
        array = np.array(value["numbers"], dtype=np.dtype(value["dtype"]))
        return array if array.ndim else array[()]
    return value
