"""Random walk: one number whose sign is not known, the smallest problem with two modes.

Reference: CCDM, the toy problem of its earlier code, observed as |x| with noise 0.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...option_fields import real
from ..parametric import Setting
from ..time_stepped import TimeStepped, time_between, time_step


@dataclass(frozen=True, kw_only=True)
class RandomWalk(TimeStepped):
    """One number that stays what it is but for noise at the end of every interval.

    States at the start are near one of two values of opposite sign, with equal probability.

    Raises:
        InputError: as in :class:`TimeStepped`.
    """

    name: str = "random-walk"
    dt: float = time_step(0.1)
    interval: float = time_between(0.1)
    interval_noise: float = real(
        0.1, 0.0, 1e6, "standard deviation of a step [units]; 0 for a number that stands still"
    )
    centre: float = real(1.0, 0.0, 1e6, "absolute value of both centres at the start")
    width: float = real(0.1, 0.0, 1e6, "standard deviation about them")
    linear = True

    @property
    def shape(self) -> tuple[int, int, int]:
        return (1, 1, 1)

    @property
    def offset(self) -> Tensor:
        return torch.zeros(1, 1, 1, dtype=torch.float64)

    @property
    def scale(self) -> Tensor:
        return torch.ones(1, 1, 1, dtype=torch.float64)

    def advance_once(self, q: Tensor) -> Tensor:
        return q

    def sample_climate(self, count: int, generator: torch.Generator) -> Tensor:
        """States at the start, ``(count, 1, 1, 1)``, float64."""
        sign = 2 * torch.randint(2, (count, *self.shape), generator=generator) - 1
        normal = torch.randn(sign.shape, generator=generator, dtype=torch.float64)
        return self.normalised(self.centre * sign + self.width * normal)


@Setting
def random_walk() -> RandomWalk:
    """A number near -1 or 1 that takes steps of 0.1: TOY_01 of CCDM, whose truths stand still."""
    return RandomWalk()
