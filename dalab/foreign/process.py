"""The caller's side of the process that reads a foreign file."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import numpy as np

from ..errors import InputError
from .limits import MB, Limits
from .messages import receive, receive_array, send

WAIT = 20.0
"""Longest wait for an answer, beyond the time that its bytes take [s]."""

ROOT = Path(__file__).parents[2]

# one thread and one arena each reserve address space, which is what is limited
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1", "HDF5_PLUGIN_PATH": os.devnull, "HDF5_USE_FILE_LOCKING": "FALSE",
}


class Process:
    """A process that has opened a foreign file, and what the file holds.

    Args:
        reader: kind of the file, one of :data:`~dalab.foreign.worker.READERS`.
        path: the file.
        limits: of the file and of the process.
        what: name of the file in messages.
        must: what the file has to be.
        remedy: advice to whoever gave another file.

    Raises:
        InputError: if the file cannot be read within the limits.
    """

    def __init__(
        self, reader: str, path: Path, limits: Limits, *, what: str, must: str, remedy: str
    ) -> None:
        self.path, self.limits = path, limits
        self._what, self._must, self._remedy = what, must, remedy
        self._left = limits.unpacked
        self._late = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "dalab.foreign.worker"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(),
        )
        request = {"reader": reader, "path": str(path.absolute()),
                   "limits": dataclasses.asdict(limits)}
        try:
            self.content = self._ask(request)["content"]
        except BaseException:
            self.close()
            raise

    def read(self, name: str, where: Any = None, size: int = 0) -> np.ndarray:
        """Read a part of the file.

        Args:
            name: of the part.
            where: selection, in plain data.
            size: of what is read, unpacked [bytes].

        Raises:
            InputError: if that is more than the limits allow, or cannot be read.
        """
        self._left -= size
        if self._left < 0:
            raise InputError(
                f"{self._what}, unpacked [MB]", round((self.limits.unpacked - self._left) / 1e6),
                f"must be at most {self.limits.unpacked / 1e6:.0f} ({self.path.name})",
                "Keep fewer members or a shorter time.",
            )
        return self._ask({"name": name, "where": where, "bytes": size}, size)["values"]

    def _ask(self, request: dict[str, Any], size: int = 0) -> dict[str, Any]:
        timer = threading.Timer(WAIT + size / (5 * MB), self._give_up)
        timer.start()
        try:
            send(cast(Any, self._process.stdin), request)
            return self._receive()
        except InputError:
            raise
        except (OSError, EOFError, ValueError, KeyError):
            raise self._refuse(self._reason()) from None
        finally:
            timer.cancel()

    def _receive(self) -> dict[str, Any]:
        stream = cast(Any, self._process.stdout)
        answer = receive(stream)
        if "error" in answer:
            raise self._error(answer["error"])
        if "dtype" in answer:
            return {"values": receive_array(stream, answer["dtype"], answer["shape"])}
        if "texts" in answer:
            texts = np.array(answer["texts"], dtype=object)
            return {"values": texts.reshape(answer["shape"])}
        if not answer:
            raise EOFError
        return answer

    def _give_up(self) -> None:
        self._late = True
        self._process.kill()

    def _reason(self) -> str:
        """Say why the process has not answered."""
        self._process.kill()
        signal = -self._process.wait()
        if self._late or signal in (24, 30):  # SIGXCPU, of Linux and of BSD
            return "it takes too long to read"
        return "it ends the library that reads it: it is broken, or too large for the memory"

    def _error(self, error: dict[str, Any]) -> InputError:
        if "reason" in error:
            return self._refuse(error["reason"])
        value, bound = error["value"], _line(error["bound"])
        value = _line(value) if isinstance(value, str) else value
        return InputError(_line(error["what"]), value, bound, error["remedy"])

    def _refuse(self, reason: str) -> InputError:
        return InputError(self._what, str(self.path), f"{self._must} ({reason})", self._remedy)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            try:
                cast(Any, stream).close()
            except OSError:
                pass  # what it has not read is of no use any more

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _line(text: str) -> str:
    """Put a text that may hold names of the file in one short line."""
    return " ".join(text.split())[:200]


def _environment() -> dict[str, str]:
    known = os.environ.get("PYTHONPATH")
    paths = [str(ROOT), *([known] if known else [])]
    return {**os.environ, **_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(paths)}
