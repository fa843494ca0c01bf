"""Interruption of long computations by those who asked for them.

Systems are integrated in loops that ask, at every step, if their result is still wanted. Elsewhere
nothing asks, and outside of :func:`interruptible` nothing is interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Interrupted(Exception):
    """Raised inside a computation that is not wanted any more."""


_stop: ContextVar[Callable[[], bool] | None] = ContextVar("stop", default=None)


@contextmanager
def interruptible(stop: Callable[[], bool]) -> Iterator[None]:
    """Interrupt the computations of a block, in this thread, as soon as ``stop`` returns True.

    Args:
        stop: asked at every step; it must be quick.

    Raises:
        Interrupted: where the computation was interrupted.
    """
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the computations of a block after a time [s].

    Raises:
        Interrupted: where the computation was interrupted.
    """
    end = time.monotonic() + seconds
    with interruptible(lambda: time.monotonic() > end):
        yield


def check_interruption() -> None:
    """Go on if the computation of this thread is still wanted.

    Raises:
        Interrupted: if it is not.
    """
    stop = _stop.get()
    if stop is not None and stop():
        raise Interrupted
