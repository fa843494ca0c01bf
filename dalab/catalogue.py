"""Descriptions of all registry entries, generated from the registries."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import param

from .options import declarations, default, lookup, options


@dataclass(frozen=True)
class Entry:
    """One thing to choose.

    Args:
        name: in the registry.
        summary: one line.
        options: one line each, ``name=default  range  meaning``.
    """

    name: str
    summary: str
    options: tuple[str, ...] = ()


def registries() -> dict[str, Mapping[str, Any]]:
    """All registries, by the plural that the command line calls them."""
    from .experiments.truth import TRUTHS
    from .methods import METHODS
    from .observations import MASKS, NOISES, OPERATORS
    from .priors.loading import PRIORS
    from .systems import SYSTEMS

    return {
        "systems": SYSTEMS, "operators": OPERATORS, "masks": MASKS, "priors": PRIORS,
        "methods": METHODS, "noises": NOISES, "truths": TRUTHS,
    }


def entries(kind: str, names: Iterable[str] = ()) -> list[Entry]:
    """The entries of a registry.

    Args:
        kind: name of the registry.
        names: entries wanted; all by default.

    Raises:
        InputError: if there is no registry of that name, or no such entry in it.
    """
    registry = lookup("list", kind, registries())
    found = {name: lookup(kind, name, registry) for name in names} or registry
    return [Entry(name, _summary(thing), _options(thing)) for name, thing in found.items()]


def overview() -> list[Entry]:
    """The names of the entries of every registry."""
    return [Entry(kind, ", ".join(registry)) for kind, registry in registries().items()]


OPTIONS = 6
"""Columns by which the options of an entry are indented."""


def listing(found: Sequence[Entry], width: int = 100) -> Iterator[str]:
    """Lay out entries in lines: names in a column that fits the longest, summaries beside it.

    Args:
        found: the entries.
        width: columns at which lines are wrapped.
    """
    column = max((len(entry.name) for entry in found), default=0) + 2
    for entry in found:
        yield from _wrapped(entry.summary, f"{entry.name:<{column}}", column, width)
        for line in entry.options:
            yield from _wrapped(line, " " * OPTIONS, OPTIONS + 4, width)


def _wrapped(text: str, start: str, indent: int, width: int) -> list[str]:
    """Wrap a text that follows a start; further lines are indented."""
    lines = textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=" " * indent,
        break_long_words=False, break_on_hyphens=False,
    )
    return lines or [start.rstrip()]


def _summary(thing: Any) -> str:
    text = thing.summary() if hasattr(thing, "summary") else thing.__doc__ or ""
    return text.strip().partition("\n")[0]


def _options(thing: Any) -> tuple[str, ...]:
    declared = declarations(thing)
    if declared is None:
        return ()
    return tuple(
        "  ".join(part for part in (f"{name}={default(p)}", domain(p), p.doc) if part)
        for name, p in options(declared).items()
    )


def domain(parameter: param.Parameter) -> str:
    """The values a parameter takes: ``(0, 1]``, ``2..1000`` or ``a | b``; empty if any."""
    if isinstance(parameter, param.Selector):
        return " | ".join(map(str, parameter.objects))
    if not isinstance(parameter, param.Number) or parameter.bounds is None:
        return ""
    low, high = ("" if bound is None else f"{bound:g}" for bound in parameter.bounds)
    if isinstance(parameter, param.Integer):
        return f"{low}..{high}"
    closed_low, closed_high = parameter.inclusive_bounds
    left = "[" if closed_low and low else "("
    right = "]" if closed_high and high else ")"
    return f"{left}{low or '-inf'}, {high or 'inf'}{right}"
