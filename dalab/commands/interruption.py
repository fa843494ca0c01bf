"""Ctrl-C on the command line: the exit code, and the message about what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

EXIT_CODE = 130
"""Exit code of a command that Ctrl-C ended."""

HINT = "Interrupted: what is there is being scored and written. Ctrl-C again gives it up."


@contextmanager
def interrupted_with(message: str) -> Iterator[None]:
    """End the command with a message if Ctrl-C ends the block.

    Args:
        message: what is lost, what is kept, and the way to go on.
    """
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"\nInterrupted: {message}", err=True)
        raise typer.Exit(EXIT_CODE) from None


def show_hint() -> None:
    """Say after the first Ctrl-C what a second one costs."""
    typer.echo(HINT, err=True)
