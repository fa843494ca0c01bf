"""States that the members of an ensemble start from."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ...errors import InputError
from ...systems import System
from .reading import read_states


def starting_states(
    source: str | Path | Tensor, system: System, members: int, background: float | None
) -> Tensor | None:
    """Read states to draw members from, ``(states, *shape)``; ``None`` without a source.

    Args:
        source: normalised states, the path of a file of them, or an empty text.
        system: the forecast model.
        members: of the largest ensemble.
        background: standard deviation of the error of a background, if there is one.

    Raises:
        InputError: if the states cannot be read, do not fit the system, or are fewer than members,
            or there is a background too.
    """
    if isinstance(source, str) and not source:
        return None
    if background is not None:
        raise InputError(
            "background", background, "must be left out with states to start from", "Leave it out."
        )
    if not isinstance(source, Tensor):
        return read_states(Path(source), system, members)
    _check_states(source, system, members)
    return source


def _check_states(states: Tensor, system: System, members: int) -> None:
    shape = tuple(system.shape)
    if tuple(states.shape[1:]) != shape or len(states) < members:
        raise InputError(
            "shape of the start", tuple(states.shape),
            f"must be {(members, *shape)}, or more states", "Give a state for each member.",
        )
    if not states.isfinite().all():
        raise InputError("start", "NaN or infinity", "must be finite numbers", "Check it.")
