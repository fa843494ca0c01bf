"""Fields that can be shown of a state: linear maps of it or their magnitude, with their units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor


class Scaled(Protocol):
    """A system, as far as a quantity knows it."""

    @property
    def scale(self) -> Tensor: ...


@runtime_checkable
class FlowWithTracers(Protocol):
    """A system of one cell that is shown as a map of a flow on a periodic square, with tracers."""

    @property
    def map_shape(self) -> tuple[int, int]:
        """Rows and columns of the map."""
        ...

    def flow_map(self, states: Tensor) -> Tensor:
        """Vorticity of the flow, a linear map of it, ``(..., *map_shape)``, rows along y.

        Args:
            states: normalised, ``(..., *shape)``.
        """
        ...

    def tracer_positions(self, states: Tensor) -> Tensor:
        """Coordinates x and y of the tracers in units of the side, ``(..., L, 2)``, in [0, 1).

        Args:
            states: normalised, ``(..., *shape)``.
        """
        ...


@dataclass(frozen=True)
class Quantity:
    """A field that can be shown, a linear map of the state, or the magnitude of one.

    Args:
        label: its name; ``{variable}`` stands for that of the field of the state.
        units: units after ``factor``.
        factor: from the units of the state to those shown.
        transfer: from a system to the matrix per wavenumber that makes the field of its state,
            complex ``(lev, lev, n, n/2 + 1)``; ``None`` for the state itself.
        magnitude: true for the length of the vector of all fields, in the place of each of them.
    """

    label: str
    units: str
    factor: float
    transfer: Callable[..., np.ndarray] | None = None
    magnitude: bool = False

    def __call__(self, system: Scaled, states: np.ndarray) -> np.ndarray:
        """The field in the units shown.

        In NumPy and not in torch: the event loop must not wait for the threads that compute.

        Args:
            system: whose states they are.
            states: normalised, ``(..., lev, y, x)``; the field has the same shape.
        """
        fields = self._mapped(system, states * (self.factor * system.scale.numpy()))
        if not self.magnitude:
            return fields
        length = np.sqrt((fields**2).sum(-3, keepdims=True))
        return np.broadcast_to(length, fields.shape)

    def _mapped(self, system: Scaled, physical: np.ndarray) -> np.ndarray:
        if self.transfer is None:
            return physical
        transfer = self.transfer(system)
        spectrum = np.einsum("ijlk,...jlk->...ilk", transfer, np.fft.rfft2(physical))
        return np.fft.irfft2(spectrum, s=physical.shape[-2:])

    def in_units(self, units: str) -> Quantity:
        """The same field with another text for its units."""
        return replace(self, units=units)


ANOMALY: Mapping[str, Quantity] = {"state anomaly": Quantity("anomaly of {variable}", "", 1.0)}
"""The state itself, in its physical units."""
