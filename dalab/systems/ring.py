r"""Linear waves on a ring: the system whose posteriors are known exactly.

.. math::
    \partial_t x + U \, \partial_s x = \gamma \, \partial_s^3 x

Every wave of wavenumber k keeps its amplitude and turns by -(U k + gamma k^3) in a unit of time, so
that a step is an orthogonal linear map. The climate is the Gaussian with the spectrum
exp(-(k / width)^2), which the waves leave as it is: with linear operators and Gaussian noise the
Kalman filter (``kf``) and the Rauch-Tung-Striebel smoother (``rts``) are exact here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from .base import System


@dataclass(frozen=True, kw_only=True)
class Ring(System):
    """One field on a ring of ``d`` sites, a circle of circumference 2 pi.

    Args:
        d: sites, at least 4.
        speed: U, of all waves [radians per unit of time].
        dispersion: gamma, by which short waves run ahead.
        width: wavenumbers that hold the variance.
        interval: time between two steps of a window.

    Raises:
        InputError: if ``d`` is below 4 or ``width`` not positive.
    """

    name: str = "ring"
    d: int = 40
    speed: float = 0.4
    dispersion: float = 0.003
    width: float = 5.0
    interval: float = 1.0
    quantity = "wave height"

    def __post_init__(self) -> None:
        if self.d < 4:
            raise InputError("sites d", self.d, "must be at least 4", "Use 40.")
        if not self.width > 0:
            raise InputError("width", self.width, "must be positive", "Use 5.")

    @property
    def shape(self) -> tuple[int, int, int]:
        return (1, 1, self.d)

    @property
    def offset(self) -> Tensor:
        return torch.zeros(1, 1, 1, dtype=torch.float64)

    @property
    def scale(self) -> Tensor:
        return torch.ones(1, 1, 1, dtype=torch.float64)

    def step(self, x: Tensor, n: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Normalised state ``n`` intervals later; no randomness is used."""
        k = self._wavenumbers().to(x)
        turn = torch.exp(-1j * (self.speed * k + self.dispersion * k**3) * n * self.interval)
        if self.d % 2 == 0:
            turn[-1] = 1.0  # the shortest wave cannot turn on a grid
        return torch.fft.irfft(turn * torch.fft.rfft(x), n=self.d)

    def trajectory(
        self, x: Tensor, length: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """``x`` and the ``length - 1`` states after it, ``(..., length, *shape)``."""
        return torch.stack([self.step(x, n) for n in range(length)], dim=-4)

    def sample_climate(self, count: int, generator: torch.Generator) -> Tensor:
        """Independent states of the climate, ``(count, *shape)``, float64."""
        white = torch.randn(count, *self.shape, generator=generator, dtype=torch.float64)
        k = self._wavenumbers()
        amplitude = torch.exp(-((k / self.width) ** 2) / 2)
        twice = torch.full_like(k, 2.0)
        twice[0] = 1.0
        if self.d % 2 == 0:
            twice[-1] = 1.0
        variance = (twice * amplitude**2).sum() / self.d
        return torch.fft.irfft(amplitude * torch.fft.rfft(white), n=self.d) / math.sqrt(variance)

    def _wavenumbers(self) -> Tensor:
        return torch.arange(self.d // 2 + 1, dtype=torch.float64)


def ring() -> Ring:
    """Linear waves on 40 sites, Gaussian in all respects."""
    return Ring()
