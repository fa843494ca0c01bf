"""The design of an observing network: operators, masks and noise, before there is a system.

``network(Tanh(), mask=Random(0.25), noise=0.1)`` is a design with one instrument. Realised for a
system and a number of steps it becomes an :class:`ObservingNetwork`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from ..errors import InputError
from ..options import with_options
from ..random import stream
from ..systems.base import System
from ..values import whole_number
from .cells import distinct
from .masks import Full, Mask
from .network import Instrument, ObservingNetwork, check_noise, schedule
from .noise import Gaussian, Noise
from .operators import Operator

LONGEST = 100_000
"""Most steps from one observation time to the next."""

MaskStreams = Callable[[int], torch.Generator]
"""From the number of an instrument to the stream of its mask."""


def seed_zero(number: int) -> torch.Generator:
    """Stream of the mask of an instrument under seed 0."""
    return stream(0, "mask", number)


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkDesign:
    """Operators, masks and noise of an observing network, one instrument per operator.

    Args:
        operators: one or more operators; the system to which one may be bound does not matter.
        masks: one for all operators, or one for each: masks, or boolean tensors ``(time, y, x)`` or
            ``(y, x)`` of the observed cells.
        interval: steps from one observation time to the next.
        noise: standard deviation of the true noise.
        noise_family: shape of the true noise.
        assumed_noise: standard deviation that the methods assume; the true one if ``None``.

    Raises:
        InputError: if there is no operator, something else than an operator, a mask or a noise, a
            wrong number of masks, or a value out of bounds.
    """

    operators: tuple[Operator, ...]
    masks: tuple[Mask | Tensor, ...] = field(default_factory=lambda: (Full(),))
    interval: int = 1
    noise: float = 0.1
    noise_family: Noise = field(default_factory=Gaussian)
    assumed_noise: float | None = None

    def __post_init__(self) -> None:
        _check_kinds("operator", self.operators, Operator, "Arctan()")
        _check_kinds("mask", self.masks, (Mask, Tensor), "Random(0.25), or a boolean tensor")
        _check_kinds("noise family", (self.noise_family,), Noise, "Laplace()")
        _check_counts(len(self.operators), len(self.masks))
        plain = {"interval": whole_number("interval", self.interval, 1, LONGEST, "Use 1."),
                 "noise": check_noise("noise", self.noise)}
        if self.assumed_noise is not None:
            plain["assumed_noise"] = check_noise("assumed noise", self.assumed_noise)
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def realise(
        self, system: System | None = None, steps: int | None = None,
        streams: MaskStreams = seed_zero,
    ) -> ObservingNetwork:
        """The network for windows of a system.

        Args:
            system: the observed system; the one to which the first operator is bound by default.
            steps: steps in the window; those of the first mask, a tensor, by default.
            streams: streams of the masks, by the number of the instrument.

        Raises:
            InputError: if an operator or a mask does not fit the system, or the interval the
                window, or a default is missing.
        """
        system = self.operators[0].system if system is None else system
        steps = self._steps_of_mask() if steps is None else steps
        masks = self.masks if len(self.masks) > 1 else self.masks * len(self.operators)
        instruments = []
        for number, (operator, mask) in enumerate(zip(self.operators, masks, strict=True)):
            cells = _cells(mask, steps, system.shape[-2:], streams(number))
            instruments.append(self._instrument(operator.on(system), cells))
        return ObservingNetwork(tuple(instruments))

    def _steps_of_mask(self) -> int:
        mask = self.masks[0]
        if isinstance(mask, Tensor) and mask.ndim == 3:
            return len(mask)
        raise InputError("steps", None, "must be given for such a mask", "Use realise(system, 9).")

    def _instrument(self, operator: Operator, cells: Tensor) -> Instrument:
        cells = schedule(cells, self.interval)
        return Instrument(operator, cells, self.noise_family, self.noise, self.assumed_noise)


def network(
    *operators: Operator,
    mask: Mask | Tensor | Sequence[Mask | Tensor] | None = None,
    interval: int = 1,
    noise: float = 0.1,
    noise_family: Noise | None = None,
    assumed_noise: float | None = None,
) -> NetworkDesign:
    """The design of a network of one instrument per operator.

    Args:
        operators: one or more operators, such as ``Arctan()``.
        mask: observed cells of all operators, or a list of one for each; all cells by default.
        interval: steps from one observation time to the next.
        noise: standard deviation of the true noise.
        noise_family: shape of the true noise, Gaussian by default.
        assumed_noise: standard deviation that the methods assume, the true one by default.

    Raises:
        InputError: as :class:`NetworkDesign`.
    """
    return NetworkDesign(
        operators=operators, masks=_listed(Full() if mask is None else mask), interval=interval,
        noise=noise, noise_family=Gaussian() if noise_family is None else noise_family,
        assumed_noise=assumed_noise,
    )


def _listed(mask: Mask | Tensor | Sequence[Mask | Tensor]) -> tuple[Mask | Tensor, ...]:
    return tuple(mask) if isinstance(mask, list | tuple) else (cast(Mask, mask),)


def _check_kinds(
    what: str, found: Sequence[object], kind: type | tuple[type, ...], example: str
) -> None:
    for one in found:
        if not isinstance(one, kind):
            raise InputError(what, one, f"must be an object of that kind: {example}", "Make one.")


def _check_counts(operators: int, masks: int) -> None:
    if not operators:
        raise InputError("operators", [], "must name at least one", "Add arctan, for example.")
    if masks not in (1, operators):
        raise InputError(
            "number of masks", masks, f"must be 1, or one for each of the {operators} operators",
            "Give one mask for all of them.",
        )


def _seen(mask: Mask, cells: Tensor) -> Tensor:
    """The cells that a mask sees, checked to be some."""
    if not (mask.may_be_empty or distinct(cells).any()):
        raise InputError(
            mask.title(), with_options("", mask).removeprefix(":"),
            "must see at least one cell of the grid",
            "Change its options, or use points:[] for no observations at all.",
        )
    return cells


def _cells(
    mask: Mask | Tensor, steps: int, grid: Sequence[int], generator: torch.Generator
) -> Tensor:
    """Observed cells, boolean ``(steps, ny, nx)``."""
    if isinstance(mask, Mask):
        return _seen(mask, mask.cells(steps, grid, generator))
    whole = (steps, *grid)
    if mask.dtype != torch.bool or tuple(mask.shape) not in (whole, tuple(grid)):
        raise InputError(
            "mask tensor", (mask.dtype, tuple(mask.shape)),
            f"must be boolean, of shape {whole} or {tuple(grid)}", "Compare with 0, or reshape it.",
        )
    return mask.expand(whole)
