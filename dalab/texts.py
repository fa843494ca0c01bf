"""Parameters that hold texts of registry entries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import param

from .errors import InputError
from .options import with_plain_booleans
from .values import plain, plain_text

SEVERAL = 1000
"""Most texts of a field that holds several."""


class Text(param.String):
    """One text, that of a registry entry if ``registry`` names a registry."""

    __slots__ = ["registry"]

    def __init__(self, value: str, *, registry: str | None = None, **about: Any) -> None:
        super().__init__(value, **about)
        self.registry = registry


class Texts(param.Parameter):
    """One or more texts of registry entries, kept as a tuple."""

    __slots__ = ["registry"]

    def __init__(self, value: Iterable[str], *, registry: str, **about: Any) -> None:
        super().__init__(tuple(value), **about)
        self.registry = registry


@plain.register
def _(parameter: Text, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    free = parameter.registry in (None, "truths")  # may be the path of a file
    return plain_text(value) if free else with_plain_booleans(plain_text(value))


@plain.register
def _(parameter: Texts, value: Any) -> tuple[str, ...]:
    what = str(parameter.name)
    if not isinstance(value, str | list | tuple):
        raise InputError(what, value, "must be a text or a list of texts", "Use quotes.")
    texts = (value,) if isinstance(value, str) else tuple(value)
    if len(texts) > SEVERAL:
        raise InputError(what, len(texts), f"must be at most {SEVERAL} texts", "Leave some out.")
    for text in texts:
        if not isinstance(text, str):
            raise InputError(what, text, "must be text", "Put it in quotes.")
    if not texts:
        raise InputError(what, [], "must name at least one", f"Add {parameter.default[0]}.")
    return tuple(with_plain_booleans(plain_text(text)) for text in texts)
