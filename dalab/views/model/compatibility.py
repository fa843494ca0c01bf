"""Compatibility of methods, operators and masks with a system."""

from __future__ import annotations

from functools import lru_cache

from ...errors import InputError
from ...methods.exact.kalman import LARGEST, is_linear
from ...observations import MASKS, OPERATORS
from ...random import stream
from ...systems import SYSTEMS, System

NONLINEAR = "needs linear dynamics, and a state of at most {} numbers"


def unavailable_methods(system: str) -> dict[str, str]:
    """Reasons why methods cannot run on a system, by the name of the method."""
    return _unavailable_methods(SYSTEMS.make(system))


@lru_cache(maxsize=32)
def _unavailable_methods(made: System) -> dict[str, str]:
    small = made.shape[0] * made.shape[1] * made.shape[2] <= LARGEST
    if small and is_linear(made):
        return {}
    return dict.fromkeys(("kf", "rts"), NONLINEAR.format(LARGEST))


def unavailable_operators(system: str) -> dict[str, str]:
    """Reasons why a system lacks operators, by the name of the operator."""
    made, found = SYSTEMS.make(system), {}
    for name in OPERATORS:
        try:
            OPERATORS.make(name, made)
        except InputError as error:
            found[name] = error.bound
    return found


def is_compatible(mask: str, window: int, system: str) -> bool:
    """True if a mask of the form ``NAME:option=value`` works on the grid of a system."""
    try:
        MASKS.make(mask).cells(window, SYSTEMS.make(system).shape[-2:], stream(0, "mask"))
    except InputError:
        return False
    return True
