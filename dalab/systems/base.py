"""What a dynamical system has to offer to the rest of the lab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class System(Protocol):
    """A dynamical system, batched and differentiable.

    States are *normalised* tensors ``(..., *shape)``: physical values divided by ``scale``, so
    that every field has about unit climatological variance.

    Attributes:
        name: how the registry calls it.
        shape: shape of one state.
        dims: names of its axes, as xarray uses them.
        interval: time between two steps of a window [s].
        scale: physical units per normalised unit, broadcastable to ``shape``.
        units: physical units of a state.
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
    def scale(self) -> Tensor: ...

    @property
    def units(self) -> str: ...

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
