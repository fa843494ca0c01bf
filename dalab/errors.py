"""The one error a user of the lab is meant to read."""

from __future__ import annotations

import reprlib
from typing import Any

VALUE, PART = 160, 600
"""Most characters of a value in a message, and of each other part of it."""


class InputError(ValueError):
    """A value the lab cannot work with, raised before any work starts.

    The message names the value, the bound it breaks and the remedy in one line, so that the command
    line and both user interfaces can show it as it is. Long values are shortened in it.

    Args:
        what: the quantity, as the user knows it ("mask ratio").
        value: the value that was given.
        bound: what it has to be ("must be in (0, 1]").
        remedy: what to do about it, a sentence.
    """

    def __init__(self, what: str, value: object, bound: str, remedy: str) -> None:
        what = one_line(what, VALUE)
        super().__init__(f"{what} = {shown(value)}: {one_line(bound)}. {one_line(remedy)}")
        self.what, self.value, self.bound, self.remedy = what, value, bound, remedy

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.what, self.value, self.bound, self.remedy)


def shown(value: object) -> str:
    """Write a value for a message: as Python does, in one line, shortened if it is long."""
    try:
        return one_line(_SHORT.repr(value), VALUE + 40)
    except Exception:  # whatever the representation of a foreign object raises
        return f"<{type(value).__name__}>"


def one_line(text: str, longest: int = PART) -> str:
    """Write a text in one line of printable characters, shortened in the middle if it is long."""
    if len(text) > longest:
        half = longest // 2
        text = f"{text[: longest - half]}…{text[-half:]}"
    text = " ".join(text.split())
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


class _Short(reprlib.Repr):
    """Representations of values, shortened."""

    def __init__(self) -> None:
        super().__init__()
        self.fillvalue = "…"
        self.maxlevel, self.maxdict, self.maxlist, self.maxtuple = 3, 8, 8, 8
        self.maxstring = self.maxother = VALUE

    def repr_int(self, x: int, level: int) -> str:
        """An integer, or its magnitude where its digits would fill the message."""
        if x.bit_length() <= 256:
            return repr(x)
        return f"{'-' if x < 0 else ''}10^{int(x.bit_length() * 0.30103)} or so"


_SHORT = _Short()
