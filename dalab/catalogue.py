"""Descriptions of all registry entries, generated from the registries."""

from __future__ import annotations

from collections.abc import Mapping
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


def entries(kind: str) -> list[Entry]:
    """The entries of a registry.

    Raises:
        InputError: if there is no registry of that name.
    """
    registry = lookup("list", kind, registries())
    return [Entry(name, _summary(thing), _options(thing)) for name, thing in registry.items()]


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
