"""Objects with checked options: the base class of operators, masks and noises.

Options are documented ``param`` parameters with bounds. The constructor takes them by name, or by
position in the order of their declaration: ``Random(0.25)`` is ``Random(ratio=0.25)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import param

from .errors import InputError
from .options import default_remedy, options
from .registry import kebab
from .values import checked


class Configurable(param.Parameterized):
    """An object whose options are given by position or by name, and checked when it is made.

    Args:
        values: options in the order of their declaration.
        named: options by name.

    Raises:
        InputError: for an unknown option, an option given twice, too many of them, or a value out
            of its bounds.
    """

    kind: ClassVar[str] = "object"
    """Word for such an object in messages, for instance ``mask``."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__()
        for name, value in self._named(values, named).items():
            self._set_option(name, value)

    @classmethod
    def title(cls) -> str:
        """The kind and the name of the class as messages have them: ``mask random``."""
        return f"{cls.kind} {kebab(cls.__name__)}"

    def _named(self, values: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """All given options by name."""
        known = list(options(type(self)))
        if len(values) > len(known):
            raise self._refusal("options", values, f"must be at most {len(known)}", known)
        given = dict(zip(known, values, strict=False))
        for name in named:
            if name not in known:
                raise self._refusal("option", name, "must be one of its options", known)
            if name in given:
                raise self._refusal("option", name, "must be given once", known)
        return {**given, **named}

    def _refusal(self, what: str, value: object, bound: str, known: list[str]) -> InputError:
        listed = ", ".join(known)
        remedy = f"The options are, in this order: {listed}." if known else "It has no options."
        return InputError(f"{self.title()} {what}", value, bound, remedy)

    def _set_option(self, name: str, value: Any) -> None:
        parameter = self.param[name]
        what = f"{self.title()} {name}"
        setattr(self, name, checked(what, parameter, value, default_remedy(parameter)))
