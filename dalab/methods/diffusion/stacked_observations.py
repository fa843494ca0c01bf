"""Observations and background as one data vector with white, independent errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..base import Problem


@dataclass(frozen=True)
class StackedObservations:
    """Observations of a window and its background, which is one more linear observation.

    A window may hold more channels than the state, as augmented ones do; the state comes first.

    Args:
        problem: supplies network, data and background.
    """

    problem: Problem

    def apply(self, x: Tensor) -> Tensor:
        """Noise-free values for windows ``(members, time, lev, y, x) -> (members, size)``."""
        seen = self.problem.network.apply(x)
        if self.problem.background is None:
            return seen
        state = x[:, 0, : len(self.problem.background.state)]
        return torch.cat([seen, state.flatten(1)], dim=-1)

    @cached_property
    def data(self) -> Tensor:
        """Measured values, ``(size,)``."""
        if self.problem.background is None:
            return self.problem.data
        return torch.cat([self.problem.data, self.problem.background.state.flatten()])

    @cached_property
    def variance(self) -> Tensor:
        """Assumed error variances, ``(size,)``."""
        observed = self.problem.network.variance(like=self.problem.data)
        if self.problem.background is None:
            return observed
        cells = self.problem.background.state.numel()
        return torch.cat([observed, observed.new_full((cells,), self.problem.background.std**2)])

    @property
    def empty(self) -> bool:
        """True if there is nothing to condition on."""
        return len(self.data) == 0
