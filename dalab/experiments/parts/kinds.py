"""Kinds of the parts of an experiment, and its numbers in their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError
from ...methods import METHODS, Method
from ...observations import NetworkDesign
from ...priors import Prior
from ...registry import kebab
from ...systems import System
from ..config import Config, unique_labels
from ..schedule import Schedule

STATES = ((str, Path, Tensor), "a name, the path of a file, or a tensor", "Use the default.")

KINDS: dict[str, tuple[tuple[type, ...], str, str]] = {
    "system": ((System,), "a dalab.System", "Make one: dalab.systems.SYSTEMS.make(\"lorenz96\")."),
    "network": ((NetworkDesign,), "the design of a network", "Make one: dalab.network(...)."),
    "prior": ((Prior, str, NoneType), "a dalab.Prior or the text of one", "Leave it out."),
    "truth": STATES,
    "start": STATES,
    "schedule": ((Schedule, NoneType), "a Schedule", "Leave it out for a single window."),
    "device": ((str, torch.device), "the name of a device", "Use auto."),
    "config": ((Config, NoneType), "a Config", "Leave it out."),
}
"""Classes of the parts, and what they are called in messages, with advice."""

PLAIN = (
    "window", "background", "background_kind", "repeats", "process_noise", "shocks", "model_error",
    "members", "seed",
)
"""Fields that a config has too, in plain data."""


def checked_parts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those parts of an experiment that are plain data or may be given in several forms.

    Args:
        given: all parts by name.

    Returns:
        The methods by label, texts for paths, and numbers in their types.

    Raises:
        InputError: for a part of another kind, or a number out of its bounds.
    """
    for name, (kinds, words, remedy) in KINDS.items():
        if not isinstance(given[name], kinds):
            raise InputError(name, given[name], f"must be {words}", remedy)
    found: dict[str, Any] = {"methods": by_label(given["methods"])}
    for name in PLAIN:
        if name != "window" or given[name] is not None:
            found[name] = Config.checked(name, given[name])
    for name in ("truth", "start"):
        if not isinstance(given[name], Tensor):
            found[name] = Config.checked(name, str(given[name]))
    return found


def by_label(methods: Mapping[str, Method] | Sequence[Method] | Method) -> dict[str, Method]:
    """Methods by label.

    Raises:
        InputError: if there is none, or something else than methods.
    """
    several: Any = list(methods) if isinstance(methods, list | tuple) else [methods]
    named: dict[Any, Any] = dict(methods if isinstance(methods, Mapping) else enumerate(several))
    if not named:
        raise InputError("methods", [], "must name at least one", "Add spectral.")
    for label, method in named.items():
        if not isinstance(method, Method):
            raise InputError(
                f"method {label}", method, "must be an instance of dalab.Method",
                "Make one: dalab.methods.METHODS.make(\"letkf\").",
            )
    if isinstance(methods, Mapping):
        return {str(label): method for label, method in named.items()}
    return dict(zip(_labels(named.values()), named.values(), strict=True))


def _labels(methods: Iterable[Method]) -> tuple[str, ...]:
    """Registry names of methods made unique; names of classes for those that have none."""
    return unique_labels(METHODS.name_of(m) or kebab(type(m).__name__) for m in methods)
