"""Compatibility of methods, operators and masks with a system."""

from __future__ import annotations

from functools import lru_cache

from ...errors import InputError
from ...experiments.nature import Truths
from ...experiments.truth import FLOWS, TRUTHS
from ...methods import METHODS
from ...methods.conditional_gaussian.mixture_filter import MixtureFilter
from ...methods.exact.kalman import LARGEST, is_linear
from ...observations import MASKS, OPERATORS
from ...random import stream
from ...systems import SYSTEMS, System
from ...systems.conditional_gaussian.base import ConditionalGaussian

WINDOWS = "estimates windows only"
MIXTURES = "needs a conditional Gaussian system"
NONLINEAR = "needs linear dynamics, and a state of at most {} numbers"


def unavailable_methods(system: str, cycled: bool = False) -> dict[str, str]:
    """Reasons why methods cannot run on a system, by the name of the method.

    Args:
        system: text of the system.
        cycled: True for a cycled experiment.
    """
    windows = [n for n, c in METHODS.items() if cycled and not getattr(c, "cycles", True)]
    return _unavailable_methods(SYSTEMS.make(system)) | dict.fromkeys(windows, WINDOWS)


def unavailable_truths(system: str, cycled: bool = False) -> dict[str, str]:
    """Reasons why sources cannot give the truth of a system, by the name of the source.

    Args:
        system: text of the system.
        cycled: True for a cycled experiment.
    """
    made, found = SYSTEMS.make(system), {}
    for name in TRUTHS:
        try:
            if cycled:
                Truths(source=name, model=made, intervals=1).check()
            elif name in FLOWS and not made.other_solvers:
                found[name] = "simulates two-layer flow only"
        except InputError as error:
            found[name] = error.bound
    return found


@lru_cache(maxsize=32)
def _unavailable_methods(made: System) -> dict[str, str]:
    small = made.shape[0] * made.shape[1] * made.shape[2] <= LARGEST
    found = {} if isinstance(made, ConditionalGaussian) else dict.fromkeys(_mixtures(), MIXTURES)
    if not (small and is_linear(made)):
        found |= dict.fromkeys(("kf", "rts"), NONLINEAR.format(LARGEST))
    return found


def _mixtures() -> list[str]:
    """Names of the methods for conditional Gaussian systems."""
    return [n for n, c in METHODS.items() if isinstance(c, type) and issubclass(c, MixtureFilter)]


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
