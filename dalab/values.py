"""Values in the types of ``param`` parameters, and the numbers that texts write.

A value is checked and converted before anything is made of it: NumPy scalars are numbers, booleans
are not, a whole number may be written 8.0, and neither infinity nor NaN is within any bounds.
Numbers are written as in the core schema of YAML 1.2, of which those of JSON are a part: ``1e-1``,
``.5``, ``+5``, ``0x10``; but not ``1_000``.
"""

from __future__ import annotations

import ast
import json
import math
import numbers
import re
from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any

import param

from .errors import InputError

LONGEST = 400_000
"""Most characters of a text, and of a list in a text."""

LITERAL = 10_000
"""Most characters of a Python literal of another type."""

SEEDS = 2**63 - 1
"""Largest seed: what files of results can hold."""

INTEGER = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
REAL = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
INFINITE = r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
"""Regular expressions of the numbers of YAML 1.2."""

DIGITS = 400
"""Most characters of a number that is read; longer ones are beyond all bounds."""


def read_number(text: str) -> int | float | None:
    """Read the number that a text writes; ``None`` if it writes none."""
    text = text.strip()
    if len(text) > DIGITS:
        return None
    if re.fullmatch(INTEGER, text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if re.fullmatch(REAL, text):
        return float(text)
    return float(text.replace(".", "")) if re.fullmatch(INFINITE, text) else None


def read_real(text: str) -> float | None:
    """Read the number that a text writes as a real number; ``None`` if it writes none."""
    found = read_number(text)
    try:
        return None if found is None else float(found)
    except OverflowError:
        return math.inf


def number(value: Any) -> int | float | None:
    """Return the Python number that a value is, of whatever library; ``None`` if it is none."""
    value = _python(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else None


def _python(value: Any) -> Any:
    """The Python object of a NumPy scalar, an array or a tensor of no dimensions."""
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def checked(what: str, parameter: param.Parameter, value: Any, remedy: str) -> Any:
    """Return a value in the type of a parameter.

    Raises:
        InputError: if it is of another type, or out of the bounds of the parameter.
    """
    try:
        return plain(parameter, value)
    except InputError:
        raise
    except (ValueError, TypeError, ArithmeticError, RuntimeError):
        raise InputError(what, value, bounds(parameter), remedy) from None


def whole_number(what: str, value: Any, least: int, most: int, remedy: str) -> int:
    """Return a whole number between two bounds, which it may take.

    Raises:
        InputError: if it is none.
    """
    return checked(what, param.Integer(least, bounds=(least, most)), value, remedy)


@singledispatch
def plain(parameter: param.Parameter, value: Any) -> Any:
    """Return a value in the type of a parameter; raise :class:`ValueError` for one that is none."""
    parameter._validate(value)
    return value


@plain.register
def _(parameter: param.Boolean, value: Any) -> bool | None:
    if value is None and parameter.allow_None:
        return None
    found = _python(value)
    if not isinstance(found, bool):
        raise ValueError
    return found


@plain.register
def _(parameter: param.Number, value: Any) -> int | float | None:
    if value is None and parameter.allow_None:
        return None
    found = number(value)
    if found is None or not math.isfinite(found):
        raise ValueError
    if not isinstance(parameter, param.Integer):
        found = float(found)
    elif found != int(found):
        raise ValueError
    else:
        found = int(found)
    if not is_within(parameter, found):
        raise ValueError
    return found


@plain.register
def _(parameter: param.Selector, value: Any) -> Any:
    value = str(value) if isinstance(value, str) else value  # one of NumPy among them
    for known in parameter.objects:
        if known is value or type(known) is type(value) and known == value:
            return known
    raise ValueError


@plain.register
def _(parameter: param.String, value: Any) -> str | None:
    if value is None and parameter.allow_None:
        return None
    if not isinstance(value, str):
        raise ValueError
    text = plain_text(value)
    parameter._validate(text)
    return text


def plain_text(value: str) -> str:
    """Return a text that can be written to any file, as a plain string.

    Raises:
        ValueError: if it is too long, or has characters that are none.
    """
    if len(value) > LONGEST or "\0" in value:
        raise ValueError
    value.encode()  # raises UnicodeEncodeError, a ValueError, for halves of characters
    return str(value)


def is_within(parameter: param.Number, value: float) -> bool:
    """True for a number within the bounds of a parameter."""
    low, high = parameter.bounds or (None, None)
    closed_low, closed_high = parameter.inclusive_bounds
    above = low is None or (value >= low if closed_low else value > low)
    return above and (high is None or (value <= high if closed_high else value < high))


def bounds(parameter: param.Parameter) -> str:
    """Write the bounds of a parameter as a message says them."""
    if isinstance(parameter, param.Selector):
        return f"must be one of {', '.join(map(str, parameter.objects))}"
    if isinstance(parameter, param.Boolean):
        return "must be True or False"
    if isinstance(parameter, param.String):
        return f"must be text of at most {LONGEST} characters of UTF-8: {parameter.doc}"
    if not isinstance(parameter, param.Number):
        return f"must be {type(parameter).__name__.lower()}: {parameter.doc}"
    kind = "a whole number" if isinstance(parameter, param.Integer) else "a number"
    low, high = parameter.bounds or (None, None)
    closed_low, closed_high = parameter.inclusive_bounds
    parts = [] if low is None else [f"{'at least' if closed_low else 'above'} {low}"]
    parts += [] if high is None else [f"{'at most' if closed_high else 'below'} {high}"]
    return f"must be {kind} {' and '.join(parts)}".rstrip()


def read_json(text: str, what: str, remedy: str) -> Any:
    """Read JSON.

    Args:
        text: the text.
        what: name of it in messages.
        remedy: advice to whoever gave another one.

    Raises:
        InputError: if it is none, or names a value twice.
    """
    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, TypeError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise InputError(what, text, f"must be JSON ({reason})", remedy) from None


def unique(pairs: Sequence[tuple[Any, Any]], what: str = "field") -> dict[Any, Any]:
    """The mapping of some pairs; ``what`` names their keys in messages.

    Raises:
        InputError: if a key is given twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise InputError(what, twice, "must be given once", "Leave one out.")
    return found


def read(text: str, parameter: param.Parameter | None) -> Any:
    """Return the value that a text writes for a parameter, or the text itself if it writes none.

    It is not checked; ``auto`` is the value of a parameter that has none by default.
    """
    bare = text.strip()
    if parameter is not None and parameter.default is None and bare in ("auto", "None"):
        return None
    for cls, convert in _READERS.items():
        if isinstance(parameter, cls):
            return convert(bare, parameter)
    return _literal(bare)


def _number(text: str, parameter: param.Parameter) -> Any:
    found = read_number(text)
    return text if found is None else found


def _boolean(text: str, parameter: param.Parameter) -> Any:
    return {"true": True, "false": False}.get(text.lower(), text)


def _choice(text: str, parameter: param.Selector) -> Any:
    text = _unquoted(text, parameter)
    return next((known for known in parameter.objects if str(known) == text), text)


def _unquoted(text: str, parameter: param.Parameter) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _list(text: str, parameter: param.Parameter) -> Any:
    """A list of numbers, or of tuples of numbers: ``[(3, 5), (10, 7)]``."""
    if len(text) > LONGEST:
        return text
    try:
        found = json.loads(text.translate(_BRACKETS))
    except (ValueError, RecursionError):
        return _literal(text)
    return [tuple(one) if isinstance(one, list) else one for one in found] \
        if isinstance(found, list) else text


_BRACKETS = str.maketrans("()", "[]")


def _literal(text: str) -> Any:
    """A literal of Python, for parameters of other packages."""
    if len(text) > LITERAL:
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


_READERS: dict[type[param.Parameter], Callable[[str, Any], Any]] = {
    param.Boolean: _boolean, param.Number: _number, param.Selector: _choice,
    param.String: _unquoted, param.List: _list,
}
