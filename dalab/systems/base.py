"""What a dynamical system has to offer to the rest of the lab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class System(Protocol):
    """A dynamical system, batched and differentiable.

    Every state is a number of fields on a periodic grid, ``(lev, y, x)``: a ring of sites is a grid
    of one row, a system without space a grid of one cell. States are *normalised* tensors
    ``(..., *shape)``, physical = offset + scale * state, so that every field has about zero mean
    and unit variance in the climate.

    Attributes:
        name: how the registry calls it.
        shape: shape of one state.
        dims: names of its axes, as xarray uses them.
        interval: time between two steps of a window [``time_unit``].
        time_unit: ``"s"``, or ``"1"`` if time is a pure number.
        offset: climatological mean in physical units, broadcastable to ``shape``.
        scale: physical units per normalised unit, broadcastable to ``shape``.
        units: physical units of a state.
        symbol: letter of the state in equations, such as ``"q"``.
        quantity: what the state is, in words.
    """

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dims(self) -> tuple[str, ...]: ...

    @property
    def interval(self) -> float: ...

    @property
    def time_unit(self) -> str: ...

    @property
    def offset(self) -> Tensor: ...

    @property
    def scale(self) -> Tensor: ...

    @property
    def units(self) -> str: ...

    @property
    def symbol(self) -> str: ...

    @property
    def quantity(self) -> str: ...

    def step(self, x: Tensor, n: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Normalised state ``n`` intervals later, same shape as ``x``.

        Args:
            x: normalised states, ``(..., *shape)``.
            n: intervals to advance.
            generator: source of the randomness of a stochastic system; unused otherwise.
        """
        ...

    def trajectory(self, x: Tensor, length: int) -> Tensor:
        """``x`` and the ``length - 1`` states after it, ``(..., length, *shape)``."""
        ...

    def __hash__(self) -> int:
        """Systems are frozen: they index what is loaded for them."""
        ...

    def coords(self) -> Mapping[str, Sequence[float]]:
        """Coordinate values of every axis in ``dims``."""
        ...


@runtime_checkable
class Climate(System, Protocol):
    """A system whose climate can be drawn on the spot, so that nothing has to ship for it."""

    def spun_up(self, count: int, generator: torch.Generator) -> Tensor:
        """Independent states of the climate, normalised, ``(count, *shape)``, float64."""
        ...

    def trajectory(
        self, x: Tensor, length: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """As in :class:`System`; with ``generator`` for the model noise, where there is any."""
        ...
