"""Shocks: jumps of the truth of a cycled experiment that no forecast model knows of.

Reference: Bao, Zhang and Zhang, An ensemble score filter for tracking high-dimensional nonlinear
dynamical systems (CMAME 432, 2024), whose released truths take three kinds of them at once,
``0.005:0.5,0.01:0.2,0.02:0.05``, at every time step. There one sequence of shocks is shared by all
truths; here every truth has its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..values import read_real
from .config import LARGEST

MOST = 100
"""Most kinds of shocks of a truth."""


@dataclass(frozen=True)
class Shocks:
    """Jumps that truths take at random.

    At every interval each kind hits each truth x with its probability. The sizes of those that hit
    add up to s, and the truth takes the jump ``s * |x| * N(0, I)``.

    Args:
        kinds: probability at an interval, and size relative to the magnitude of every value.
    """

    kinds: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, text: str) -> Shocks:
        """Shocks written ``PROBABILITY:SIZE``, several kinds with commas; none for an empty text.

        Raises:
            InputError: for another text, or a probability outside of 0 to 1.
        """
        parts = text.split(",") if text else []
        kinds = [_kind(part) for part in parts[:MOST]]
        if len(parts) > MOST or not all(0 <= p <= 1 and 0 <= s <= LARGEST for p, s in kinds):
            raise InputError(
                "shocks", text, f"must be PROBABILITY:SIZE, the first from 0 to 1, the second from "
                f"0 to {LARGEST:g}, or up to {MOST} of them with commas", "Use 0.01:0.2.",
            )
        return cls(tuple(kind for kind in kinds if kind[0]))

    def sizes(self, intervals: int, truths: int, generator: torch.Generator) -> Tensor:
        """Sizes of the shocks of some intervals, 0 where there are none, ``(intervals, truths)``.

        Args:
            intervals: how many.
            truths: independent truths.
            generator: source of what hits.
        """
        found = torch.zeros(intervals, truths, dtype=torch.float64)
        for probability, size in self.kinds:
            draws = torch.rand(found.shape, generator=generator, dtype=torch.float64)
            found += size * (draws < probability)
        return found

    @staticmethod
    def jumped(q: Tensor, sizes: Tensor, generator: torch.Generator) -> Tensor:
        """Truths after the shocks of one interval, same shape.

        Args:
            q: truths before them, in the variables of the equations, ``(truths, lev, y, x)``.
            sizes: of their shocks, ``(truths,)``.
            generator: source of the jumps.
        """
        if not sizes.any():
            return q
        normal = torch.randn(q.shape, generator=generator, dtype=q.dtype).to(q)
        return q + sizes.to(q)[:, None, None, None] * q.abs() * normal


def _kind(text: str) -> tuple[float, float]:
    """Probability and size that a text gives; NaN where it gives none."""
    found = [read_real(part) for part in text.split(":")]
    numbers = [math.nan if value is None else value for value in found]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (math.nan, math.nan)
