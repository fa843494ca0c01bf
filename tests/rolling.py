"""A flow that moves everything by one site a step, on a ring."""

from __future__ import annotations

import torch
from torch import Tensor

TIME, SITES = 4, 6


def propagate(states: Tensor) -> Tensor:
    """The first half one step ahead, the second half one step back; nothing is lost."""
    ahead, back = states
    return torch.stack([ahead.roll(1, -1), back.roll(-1, -1)])


def windows(count: int, seed: int, *, smooth: bool = False) -> Tensor:
    """Trajectories from random states, ``(count, time, 1, 1, x)``, float64, of unit variance."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 1, 1, SITES, generator=generator, dtype=torch.float64)
    if smooth:
        x = (x + x.roll(1, -1)) / 2**0.5
    return torch.stack([x.roll(k, -1) for k in range(TIME)], 1)
