"""Fields that can be shown of surface quasi-geostrophic flow, linear maps of its temperatures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ...fields import relative_vorticity, velocity
from ..quantities import Quantity
from .solver import Solver


class Boundaries(Protocol):
    """A surface flow, as far as its fields know it."""

    @property
    def solver(self) -> Solver:
        """The solver of its equation."""
        ...

    @property
    def kelvin(self) -> float:
        """Temperature of q = 1 m/s [K]."""
        ...


def _streamfunction(system: Boundaries) -> Tensor:
    """Matrix from temperatures [K] to streamfunctions [m2/s], complex ``(2, 2, n, n/2 + 1)``."""
    return (system.solver.inversion() / system.kelvin).to(torch.complex128)


def streamfunction(system: Boundaries) -> np.ndarray:
    """Transfer function from the temperatures to the streamfunctions."""
    return _streamfunction(system).numpy()


def eastward_wind(system: Boundaries) -> np.ndarray:
    """Transfer function from the temperatures to u."""
    return velocity(_streamfunction(system), system.solver.grid)[0].numpy()


def northward_wind(system: Boundaries) -> np.ndarray:
    """Transfer function from the temperatures to v."""
    return velocity(_streamfunction(system), system.solver.grid)[1].numpy()


def vorticity(system: Boundaries) -> np.ndarray:
    """Transfer function from the temperatures to the relative vorticity."""
    return relative_vorticity(_streamfunction(system), system.solver.grid).numpy()


FIELDS: Mapping[str, Quantity] = {
    "temperature": Quantity("potential temperature anomaly", "K", 1.0),
    "vorticity": Quantity("relative vorticity", "10⁻⁵ s⁻¹", 1e5, vorticity),
    "streamfunction": Quantity("streamfunction", "10⁶ m² s⁻¹", 1e-6, streamfunction),
    "eastward wind": Quantity("eastward wind", "m s⁻¹", 1.0, eastward_wind),
    "northward wind": Quantity("northward wind", "m s⁻¹", 1.0, northward_wind),
}
"""Fields that can be shown of the flow."""
