"""What can be chosen where: families of methods, and what does not go with a system."""

from __future__ import annotations

from functools import lru_cache

from ...errors import InputError
from ...experiments.parts import make_mask, make_operator, make_system
from ...methods.exact.kalman import LARGEST, is_linear
from ...observations import OPERATORS
from ...random import stream
from ...systems import SYSTEMS

NONLINEAR = "needs linear dynamics, and a state of at most {} numbers"




@lru_cache(maxsize=len(SYSTEMS))
def unavailable_methods(system: str) -> dict[str, str]:
    """The methods that cannot run on a system, and why."""
    made = make_system(system)
    small = made.shape[0] * made.shape[1] * made.shape[2] <= LARGEST
    if small and is_linear(made):
        return {}
    return dict.fromkeys(("kf", "rts"), NONLINEAR.format(LARGEST))


@lru_cache(maxsize=len(SYSTEMS))
def unavailable_operators(system: str) -> dict[str, str]:
    """The operators that a system does not have, and why."""
    made, found = make_system(system), {}
    for name in OPERATORS:
        try:
            make_operator(name, made)
        except InputError as error:
            found[name] = error.bound
    return found


def is_compatible(mask: str, window: int, system: str) -> bool:
    """Whether a mask of the form ``NAME:option=value`` works on the grid of a system."""
    try:
        make_mask(mask).cells(window, make_system(system).shape[-2:], stream(0, "mask"))
    except InputError:
        return False
    return True
