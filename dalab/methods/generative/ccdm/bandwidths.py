"""Bandwidths of the kernels about states and observations, where they are not given."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

CAP = 0.5
"""Largest bandwidth of the rule of the early code."""

WIDE = 20.0
"""Largest bandwidth over the largest spread, so that a start at noise errs by little."""

BETA = 20.0
"""Rate of a schedule that preserves the variance."""

SHARE = 0.5
"""Bandwidth about observations over the error of these."""


def silverman(x: Tensor) -> float:
    """Bandwidth of Silverman's rule for members ``(N, d)`` and their mean spread."""
    N, d = x.shape
    return float((4 / (d + 2)) ** (1 / (d + 4)) * x.std(0).mean() * N ** (-1 / (d + 4)))


RULES: dict[str, Callable[[Tensor], float]] = {
    "half-silverman": lambda x: silverman(x) / 2,
    "silverman": lambda x: min(CAP, silverman(x)),
}
"""Rules for the smallest bandwidth by name: ours, and that of the early code."""


def largest(x: Tensor, schedule: str) -> float:
    """Largest bandwidth, or rate of the decay, for members ``(N, d)``."""
    return BETA if schedule == "vp" else WIDE * float(x.std(0).max())


def about_observations(variance: Tensor) -> float:
    """Bandwidth about observations whose errors have variances ``(size,)``."""
    return SHARE * float(variance.mean().sqrt())


def scales(x: Tensor) -> Tensor:
    """Spread of every coordinate of members ``(N, d)``, 1 where there is none, ``(1, d)``."""
    std = x.std(0, keepdim=True)
    return torch.where(std > 0, std, torch.ones_like(std))
