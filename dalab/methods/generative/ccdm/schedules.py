r"""Schedules of the diffusion, in pseudo-time from the state at 0 to noise at 1.

.. math:: x_t | x_0 \sim N(m(t) \, x_0, \sigma(t)^2 I), \qquad dx = f x \, dt + g \, dW .

Each is followed back to the time at which the bandwidth sigma / m is the smallest one: 0 for
``ve-linear``, later for the others, whose noise vanishes at 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Diffusion(Protocol):
    """A schedule of numbers."""

    @property
    def last(self) -> float:
        """Pseudo-time at which sampling ends."""
        ...

    def mean(self, t: float) -> float:
        """Factor m on the state."""
        ...

    def std(self, t: float) -> float:
        """Standard deviation sigma of the noise."""
        ...

    def drift(self, t: float) -> float:
        """Factor f of the drift."""
        ...

    def diffusion(self, t: float) -> float:
        """Square of g, the amplitude of the noise."""
        ...


@dataclass(frozen=True)
class VarianceExploding:
    """Noise that is added to a state which stays as it is.

    Args:
        h_min: smallest bandwidth.
        h_max: largest bandwidth.
        from_zero: true if the noise begins at 0, false if at ``h_min``.
    """

    h_min: float
    h_max: float
    from_zero: bool = False

    @property
    def last(self) -> float:
        """Pseudo-time at which sampling ends."""
        return self.h_min / self.h_max if self.from_zero else 0.0

    @property
    def _first(self) -> float:
        return 0.0 if self.from_zero else self.h_min

    def mean(self, t: float) -> float:
        """Factor m on the state."""
        return 1.0

    def std(self, t: float) -> float:
        """Standard deviation sigma of the noise."""
        return self._first + t * (self.h_max - self._first)

    def drift(self, t: float) -> float:
        """Factor f of the drift."""
        return 0.0

    def diffusion(self, t: float) -> float:
        """Square of g, the amplitude of the noise."""
        return 2 * self.std(t) * (self.h_max - self._first)


@dataclass(frozen=True)
class VariancePreserving:
    """A state that decays while noise takes its place.

    Args:
        h_min: smallest bandwidth, sigma / m.
        beta: rate of the decay at the end.
    """

    h_min: float
    beta: float

    @property
    def last(self) -> float:
        """Pseudo-time at which sampling ends."""
        return min(1.0, math.sqrt(2 * math.log1p(self.h_min**2) / self.beta))

    def mean(self, t: float) -> float:
        """Factor m on the state."""
        return math.exp(-self.beta * t**2 / 4)

    def std(self, t: float) -> float:
        """Standard deviation sigma of the noise."""
        return math.sqrt(-math.expm1(-self.beta * t**2 / 2))

    def drift(self, t: float) -> float:
        """Factor f of the drift."""
        return -self.beta * t / 2

    def diffusion(self, t: float) -> float:
        """Square of g, the amplitude of the noise."""
        return self.beta * t


SCHEDULES: dict[str, Callable[[float, float], Diffusion]] = {
    "ve-linear": VarianceExploding,
    "ve-zero": lambda h_min, h_max: VarianceExploding(h_min, h_max, from_zero=True),
    "vp": VariancePreserving,
}
"""Schedules by name, of the smallest and the largest bandwidth; of ``vp`` the latter is beta."""
