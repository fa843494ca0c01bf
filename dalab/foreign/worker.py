"""The process that opens a foreign file: ``python -m dalab.foreign.worker``.

The first line of its input names the file, the reader and the limits, each further line something
to read. It answers every line, and ends with its input.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import InputError
from .limits import MB, Limits
from .messages import NUMBERS, receive, send

READERS = {
    "hdf5": "hdf5_reader", "classic": "classic_reader", "zarr": "zarr_reader",
    "safetensors": "tensor_reader", "plain": "plain_reader",
}
"""Modules of the readers, imported only when needed; each has a class ``Reader``."""

SPEED = 20 * MB
"""Bytes that are unpacked in a second even by a slow machine."""


def main() -> None:
    """Serve one file."""
    inputs, outputs = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    request = receive(inputs)
    limits = Limits(**request["limits"])
    module = importlib.import_module(f".{READERS[request['reader']]}", __package__)
    restrict(limits, mapped=_mapped(request))
    reader = None
    while request:
        try:
            if reader is None:
                reader = module.Reader(Path(request["path"]), limits)
                send(outputs, {"content": reader.content()})
            else:
                _answer(outputs, reader, request, limits)
        except BaseException as error:  # noqa: BLE001 - every library has errors of its own
            send(outputs, {"error": describe(error)})
        request = receive(inputs)


def _answer(
    outputs: BinaryIO, reader: Any, request: Mapping[str, Any], limits: Limits
) -> None:
    restrict(limits, request["bytes"])  # what is mapped counts as held by now
    values = np.asarray(reader.read(request["name"], request["where"]))
    if values.dtype.kind in NUMBERS:
        send(outputs, {"dtype": values.dtype.str, "shape": list(values.shape)}, values)
    else:
        texts = [str(value) for value in values.ravel()]
        send(outputs, {"texts": texts, "shape": list(values.shape)})


def _mapped(request: Mapping[str, Any]) -> int:
    """Bytes of a file that its reader maps, which takes addresses and no memory."""
    mapped = request["reader"] in ("classic", "safetensors")
    return os.stat(request["path"]).st_size if mapped else 0


def restrict(limits: Limits, more: int = 0, mapped: int = 0) -> None:
    """Limit the memory and the time of this process from now on.

    Args:
        limits: of memory and time.
        more: bytes that will be read.
        mapped: bytes of addresses that will be taken besides.
    """
    try:
        import resource
    except ImportError:  # without limits, the caller still ends the process in time
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime + limits.seconds + more / SPEED
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sizes = Path("/proc/self/statm")
    if sizes.exists():
        held = int(sizes.read_text().split()[0]) * resource.getpagesize()
        most = held + limits.memory + 3 * more + 2 * mapped
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def describe(error: BaseException) -> dict[str, Any]:
    """Describe an error in plain data."""
    if isinstance(error, InputError):
        value = error.value if isinstance(error.value, int | float) else str(error.value)
        return {"what": error.what, "value": value, "bound": error.bound, "remedy": error.remedy}
    if isinstance(error, MemoryError):
        return {"reason": "it takes too much memory"}
    if isinstance(error, RecursionError):
        return {"reason": "it is nested too deeply"}
    text = " ".join(str(error).split()) or type(error).__name__
    return {"reason": text[:300]}


if __name__ == "__main__":
    sys.setrecursionlimit(2000)
    main()
