"""Notes about the progress of long computations, for those who listen.

A step of a method may take minutes, in which it is silent. Its inner loops tell how far they are;
outside of :func:`listening` nobody hears it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

Listener = Callable[[str], None]
"""Function that is given a note; it must be quick."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def note(text: str) -> None:
    """Let listeners know how far a computation is, as in ``iteration 12 of 40``."""
    listener = _listener.get()
    if listener is not None:
        listener(text)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a function have the notes of the computations of a block, in this thread.

    Args:
        listener: given every note, and after it those who listen outside of the block.
    """
    outer = _listener.get()

    def both(text: str) -> None:
        listener(text)
        if outer is not None:
            outer(text)

    token = _listener.set(both)
    try:
        yield
    finally:
        _listener.reset(token)


def listen(items: Iterator[T], listener: Listener) -> Iterator[T]:
    """Yield items while a function has the notes of the computations that make them."""
    while True:
        with listening(listener):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item
