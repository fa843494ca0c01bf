"""States that the members of an ensemble start from: given ones, or white noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import param
import torch
from torch import Tensor

from ...configurable import Configurable
from ...errors import InputError
from ...options import build
from ...systems import System
from .reading import read_states


class NormalStart(Configurable):
    """Members that are white noise about one value, whatever the truth: N(mean, std^2 I).

    EnSF and EnFF start so, in the variables of the equations.
    """

    kind = "start"

    mean = param.Number(
        0.0, bounds=(-1e6, 1e6), doc="of every variable, in the units of the equations"
    )
    std = param.Number(
        1.0, bounds=(0.0, 1e6), doc="standard deviation, in the units of the equations"
    )

    truth = param.Boolean(False, doc="start the truths so, too, instead of from the climate")

    def draw(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """States in the units of the equations, float64."""
        normal = torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
        return self.mean + self.std * normal


NORMAL = "normal"
"""Name of :class:`NormalStart` in the text of a start."""


def starting_states(
    source: str | Path | Tensor, system: System, members: int, background: float | None
) -> Tensor | NormalStart | None:
    """States to draw members from, ``(states, *shape)``, or their law; ``None`` without a source.

    Args:
        source: normalised states, the path of a file of them, ``normal:mean=...,std=...``, or an
            empty text.
        system: the forecast model.
        members: of the largest ensemble.
        background: standard deviation of the error of a background, if there is one.

    Raises:
        InputError: if the states cannot be read, do not fit the system, or are fewer than members,
            an option of the noise is out of its bounds, or there is a background too.
    """
    if isinstance(source, str) and not source:
        return None
    if background is not None:
        raise InputError(
            "background", background, "must be left out with states to start from", "Leave it out."
        )
    if isinstance(source, str) and source.partition(":")[0] == NORMAL:
        return build("start", source, {NORMAL: NormalStart})
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
