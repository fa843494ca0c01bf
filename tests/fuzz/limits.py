"""What one input may take, and what it may answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from dalab.errors import InputError

SECONDS, MEMORY, WORDS = 2.0, 500 * 2**20, 1000
"""Most CPU time [s], memory [bytes] and characters of a message of one input."""

STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def fuzz(strategy: Any, few: int, many: int) -> Callable[[Callable[..., None]], Any]:
    """Two tests of a function: a few inputs, and, marked slow, many; always the same ones."""

    def tests(check: Callable[..., None]) -> tuple[Any, Any]:
        def of(count: int) -> Any:
            always = settings(max_examples=count, deadline=None, database=None, derandomize=True,
                              suppress_health_check=list(HealthCheck))
            return always(given(given=strategy)(check))

        return of(few), pytest.mark.slow(of(many))

    return tests


def answer(call: Callable[[], Any], *, others: tuple[type[BaseException], ...] = ()) -> Any:
    """What a call returns within the limits; ``None`` if it refuses its input as it should."""
    before, start = _restarted_peak(), time.process_time()
    try:
        return call()
    except InputError as error:
        check_message(str(error))
    except others:
        pass
    finally:
        spent, grown = time.process_time() - start, _memory("VmHWM") - before
        assert spent < SECONDS, f"took {spent:.1f} s of CPU"
        assert grown < MEMORY, f"took {grown >> 20} MB"


def check_message(text: str) -> None:
    """A message is one short line that any terminal and file can show."""
    assert len(text) <= WORDS and text.isprintable(), text
    text.encode()


def _restarted_peak() -> int:
    """Memory of the process [bytes], from which its peak counts anew where the system allows it."""
    try:
        PEAK.write_text("5")
    except OSError:
        return _memory("VmHWM")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    """A number of bytes that Linux knows of the process; 0 elsewhere."""
    if not STATUS.exists():
        return 0
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
