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

from ..option_fields import positive, real, whole
from .parametric import ParametricSystem, Setting


@dataclass(frozen=True, kw_only=True)
class Ring(ParametricSystem):
    """One field on a ring of ``d`` sites, a circle of circumference 2 pi.

    Raises:
        InputError: if a parameter is out of bounds.
    """

    name: str = "ring"
    d: int = whole(40, 4, 10**7, "sites on the ring")
    speed: float = real(0.4, -100.0, 100.0, "U, of all waves [radians per unit of time]")
    dispersion: float = real(0.003, -1.0, 1.0, "gamma, by which short waves run ahead")
    width: float = positive(5.0, 1e6, "wavenumbers that hold the variance")
    interval: float = positive(1.0, 1000.0, "time between two steps of a window")
    quantity = "wave height"
    linear = True

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


@Setting
def ring() -> Ring:
    """Linear waves on 40 sites, Gaussian in all respects."""
    return Ring()
