"""The one error a user of the lab is meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """A value the lab cannot work with, raised before any work starts.

    The message names the value, the bound it breaks and the remedy, so that the command line and
    both user interfaces can show it as it is.

    Args:
        what: the quantity, as the user knows it ("mask ratio").
        value: the value that was given.
        bound: what it has to be ("must be in (0, 1]").
        remedy: what to do about it, a sentence.
    """

    def __init__(self, what: str, value: object, bound: str, remedy: str) -> None:
        super().__init__(f"{what} = {value!r}: {bound}. {remedy}")
        self.what, self.value, self.bound, self.remedy = what, value, bound, remedy
