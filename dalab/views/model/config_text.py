"""Experiments as text: the query of a link, a Python script, a command.

A link names what differs from the lab's own set-up, as ``field=value`` with the names of
:class:`dalab.experiments.config.Config`; a field that holds several texts is there once for each:

    ?operators=arctan&operators=velocity&masks=stride:4&noise=0.2&time=6&view=error

The selection of the display follows under the names of its parameters.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import param

from ... import __version__
from ...errors import InputError
from ...experiments.config import Config, Texts
from ...experiments.truth import TRUTHS
from ...options import suggestion
from ...values import read_number, read_real
from ..pictures.wording import BEFORE

DEFAULT_CONFIG = Config(masks=("random",))
"""Initial state of the controls: the default experiment, as they write it."""

FOREIGN = ("theme", "session", "bokeh-session-id", "bokeh-autoload-element", "bokeh-app-path")
"""Names in an address that do not concern the experiment and are left alone."""

LONGEST = 100_000
"""Largest number of characters of a link."""

WORDS = 60
"""Largest number of characters of a difference."""

_PLAIN = "/:,()[]=-"
_REMEDY = "Open the lab without what follows the question mark, and share the link again."


def query(config: Config, display: Mapping[str, Any], base: Config) -> str:
    """Return the query of a link, without the question mark.

    Args:
        config: the experiment.
        display: values of the display that are not the default.
        base: the experiment that a link without a query opens.
    """
    return urlencode([*_changed(config, base), *display.items()], safe=_PLAIN)


def read(
    arguments: Mapping[str, Sequence[str]], base: Config, display: Sequence[str]
) -> tuple[Config, dict[str, str]]:
    """Return the experiment and the display values of a link; inverse of :func:`query`.

    Args:
        arguments: the values of the link by name, in their order.
        base: the experiment that a link without a query opens.
        display: names of the display parameters of a link.

    Raises:
        InputError: for a name that means nothing or is given twice, a number that is none, or a
            link that is too long. Whether the experiment works is not checked.
    """
    length = sum(len(value) for values in arguments.values() for value in values)
    if length > LONGEST:
        raise InputError("length of the link", length, f"must be at most {LONGEST}", _REMEDY)
    fields, shown = {}, {}
    for name, values in arguments.items():
        if name in FOREIGN:
            continue
        if name in display:
            shown[name] = _single(name, values)
        else:
            fields[name] = _value(name, values, display)
    return base.replace(**fields), shown


def script(config: Config, note: str = "") -> str:
    """Return a Python script that repeats a run and prints its scores.

    Args:
        config: the experiment.
        note: a remark for the head of the script.
    """
    remarks = [f"dalab {__version__}", *_remarks(config), *([note] if note else [])]
    lines = [
        *(f"# {line}" for line in remarks),
        "from dalab import Config, execute",
        "from dalab.metrics.table import table",
        "",
        "config = Config(",
        *(f"    {name}={value!r}," for name, value in _fields(config, Config())),
        ")",
        "tree = execute(config)",
        "print(table(tree).to_string(index=False))",
    ]
    return "\n".join(lines) + "\n"


def command(config: Config) -> str:
    """Return a command line that repeats a run, prints its scores and writes its result."""
    words = ["dalab", "run"]
    for name, value in _changed(config, Config()):
        words += [f"--{name.removesuffix('s') if name in _SEVERAL else name}".replace("_", "-"),
                  value]
    return shlex.join([*words, "--out", f"{file_name(config)}.nc"])


def file_name(config: Config) -> str:
    """Return the name of the files of an experiment, without a suffix."""
    return f"dalab-{config.hash()}"


def difference(config: Config, base: Config) -> dict[str, str]:
    """Return the differences from another experiment, in words, by field."""
    return {name: _words(value) for name, value in _fields(config, base)}


def caption_of_before(before: Config, now: Config) -> str:
    """Name a run by its differences from the choices; empty if there are none."""
    found = difference(before, now)
    if not found:
        return ""
    text = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.items())
    return f"{BEFORE}: {text if len(text) <= WORDS else f'{text[: WORDS - 1]}…'}"


_FIELDS = Config.fields()
_SEVERAL = tuple(name for name, field in _FIELDS.items() if isinstance(field, Texts))


def _fields(config: Config, base: Config) -> Iterator[tuple[str, Any]]:
    """Yield names and values of the fields that differ."""
    for name in _FIELDS:
        value = getattr(config, name)
        if value != getattr(base, name):
            yield name, value


def _changed(config: Config, base: Config) -> Iterator[tuple[str, str]]:
    """Yield names and texts of the fields that differ, one for each of several texts."""
    for name, value in _fields(config, base):
        for one in value if isinstance(value, tuple) else (value,):
            yield name, "none" if one is None else str(one)


def _words(value: Any) -> str:
    text = " + ".join(value) if isinstance(value, tuple) else str(value)
    short = text if len(text) <= WORDS else f"{text[: WORDS - 1]}…"
    return "none" if value is None else short


def _value(name: str, values: Sequence[str], display: Sequence[str]) -> Any:
    if name not in _FIELDS:
        known = [*_FIELDS, *display]
        bound = f"must be one of {', '.join(known)}"
        raise InputError("name in the link", name, bound, suggestion(name, known, _REMEDY))
    if name in _SEVERAL:
        return tuple(values)
    text = _single(name, values)
    return _number(name, text) if isinstance(_FIELDS[name], param.Number) else text


def _single(name: str, values: Sequence[str]) -> str:
    """The text of something that a link gives once."""
    if len(values) != 1:
        raise InputError(f"{name} in the link", list(values), "must be given once", _REMEDY)
    return values[0]


def _number(name: str, text: str) -> int | float | None:
    if text == "none" and _FIELDS[name].allow_None:
        return None
    whole = isinstance(_FIELDS[name], param.Integer)
    found = read_number(text) if whole else read_real(text)
    if found is None:
        what = "whole number" if whole else "number"
        raise InputError(f"{name} in the link", text, f"must be a {what}", _REMEDY)
    return found


def _remarks(config: Config) -> list[str]:
    if config.truth in TRUTHS:
        return []
    return ["The truth is a file: keep a copy, and put its path below."]
