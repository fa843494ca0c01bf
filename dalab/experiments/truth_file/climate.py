"""The size that states have to have: that of the climate of their system."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ...errors import InputError
from ...random import stream
from ...systems import QGSystem, SurfaceQG, System
from ...systems.parametric import SETTINGS

FACTOR, FEW_FACTOR = 4.0, 20.0
"""Largest ratio of a standard deviation to that of the climate, of large states and of small ones.

A state of few numbers may be near the mean by chance.
"""

FEW = 32
"""Numbers in a small state."""

_DRAWS = 8


def check_size(x: Tensor, system: System) -> None:
    """Check that states are as large as those of the climate.

    Args:
        x: normalised states, ``(time, lev, y, x)``.
        system: their system.

    Raises:
        InputError: naming the standard deviation, the bound and the units.
    """
    mean, climate = climate_of(system)
    per_field = x[0, 0].numel() > FEW
    dims = (0, 2, 3) if per_field else (0, 1, 2, 3)
    ratios = ((x - mean) / climate).square().mean(dims).sqrt().reshape(-1)
    factor = FACTOR if x[0].numel() > FEW else FEW_FACTOR
    worst = int(ratios.clamp(min=1e-300).log().abs().argmax())
    ratio = float(ratios[worst])
    if 1 / factor <= ratio <= factor:
        return
    typical = float((system.scale * climate).reshape(-1)[worst])
    unit = "1/s" if system.units == "s-1" else system.units
    field = f" ({system.variables[worst]})" if per_field and len(ratios) > 1 else ""
    raise InputError(
        f"standard deviation of q{field} [{unit}]", float(f"{ratio * typical:.3g}"),
        f"must be within a factor of {factor:g} of the climate of {system.name}, {typical:.3g}",
        "Check its scale." if unit == "1" else f"Check the units: q has to be in {unit}.",
    )


@lru_cache(maxsize=8)
def climate_of(system: System) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the climate, normalised, ``(lev, 1, 1)``, float64.

    They are 0 and 1 by definition, but for changed systems, which keep the normalisation of the
    plain one, and for a user's own. Of these, states of the climate are drawn.
    """
    zero = torch.zeros(system.shape[0], 1, 1, dtype=torch.float64)
    plain = SETTINGS.get(system.name)
    try:
        states = None if plain == system else _draw(system)
    except (InputError, NotImplementedError):
        states = None  # the climate is what the system says it is
    if states is None:
        return zero, zero + 1
    mean = states.mean((0, 2, 3)).reshape(zero.shape)
    std = (states - mean).square().mean((0, 2, 3)).sqrt().reshape(zero.shape)
    return mean, std.where(std > 0, torch.ones_like(std))


def _draw(system: System) -> Tensor:
    if isinstance(system, QGSystem | SurfaceQG):
        return system.library_states()
    return system.sample_climate(_DRAWS, stream(0, "climate", system.name)).double()
