r"""Topographic interaction of a mean flow U with waves psi_k of a barotropic fluid over ridges.

.. math::
    dU &= \Big[ 2 \sum_k k \, \mathrm{Im}(h_k \psi_k^*) - d U \Big] dt + \sigma_U dW \\
    d\psi_k &= \left[ i k (\beta / k^2 - U) \psi_k + i U h_k / k - d \psi_k \right] dt
        + \frac{\sigma}{k} \frac{dW_r + i \, dW_i}{\sqrt 2}

with ridges h_k = k^{-3/2} exp(i k), k = 1 ... K. The undamped part conserves U^2 / 2 + sum_k k^2
|psi_k|^2. Waves rotate and decay by their exact factor over a time step, which an Euler scheme
would let grow.

References:
    | Majumdar and Wang, Nonlinear dynamics and statistical theories for basic geophysical flows
      (2006), chapter 5: the equations of layered topography
    | Chen and Majumdar (Entropy 20, 2018), where it is an example; the parameters are ours
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ...option_fields import positive, real, whole
from ..parametric import Setting
from ..time_stepped import time_between, time_step
from .base import (
    Climate,
    Coefficients,
    ConditionalGaussian,
    Gaussian,
    independent_noise,
)

MEAN = {1: (0.091, 0.155), 2: (-0.024, 0.036), 3: (-0.013, 0.002)}
STD = {1: 0.66, 2: 0.241}


@dataclass(frozen=True, kw_only=True)
class Topographic(ConditionalGaussian):
    """1 + 2K fields on a grid of one cell: U, resolved, and real and imaginary parts of psi_k.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "topographic"
    K: int = whole(10, 1, 20, "waves")
    beta: float = real(2.0, -100.0, 100.0, "beta, planetary vorticity gradient")
    damping: float = positive(0.05, 100.0, "d, damping of everything")
    noise_U: float = positive(0.5, 100.0, "sigma_U, amplitude of the noise of U")
    noise: float = positive(0.2, 100.0, "sigma, amplitude of the noise of the waves, times k")
    dt: float = time_step(0.01)
    interval: float = time_between(0.25)
    resolved = 1
    spinup_time: ClassVar[float] = 60.0

    @property
    def shape(self) -> tuple[int, int, int]:
        return (1 + 2 * self.K, 1, 1)

    @property
    def climate(self) -> Climate:
        """That of the parameters of the setting; waves from k = 3 on are as if there were no U."""
        k = range(1, self.K + 1)
        std = tuple(STD.get(n, 0.447 / n) for n in k for _ in range(2))
        mean = tuple(part for n in k for part in MEAN.get(n, (0.0, 0.0)))
        extreme = tuple(m + 1.645 * s for m, s in zip(mean, std, strict=True))
        return Climate((-0.55, *mean), (1.25, *std), (1.39, *extreme))

    @property
    def variables(self) -> tuple[str, ...]:
        return ("U", *(f"{part}{k}" for k in range(1, self.K + 1) for part in ("re", "im")))

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        c = _constants(self, u.dtype, u.device)
        angle = self.dt * (c.rossby - c.k * u)
        decay = math.exp(-self.damping * self.dt)
        F = decay * (angle.cos().unsqueeze(-1) * c.one + angle.sin().unsqueeze(-1) * c.turn)
        half = angle / 2
        lifted = half.cos() * c.lift + half.sin() * (c.lift @ c.turn.mT)
        force = self.dt * math.sqrt(decay) * u * lifted
        return Coefficients(-self.damping * self.dt * u, c.drag, F, force, c.S1, c.S2)


class Constants(NamedTuple):
    """Parts of the coefficients that no state changes; vectors have two places for every wave.

    Attributes:
        k: wavenumbers, ``(2K,)``.
        rossby: frequencies beta / k, ``(2K,)``.
        lift: i h / k, ``(2K,)``.
        drag: influence of the waves on U in a time step, ``(1, 2K)``.
        one: identity, ``(2K, 2K)``.
        turn: multiplication of every wave by i, ``(2K, 2K)``.
        S1: loadings of the noise of U, ``(1, 1 + 2K)``.
        S2: those of the waves, ``(2K, 1 + 2K)``.
    """

    k: Tensor
    rossby: Tensor
    lift: Tensor
    drag: Tensor
    one: Tensor
    turn: Tensor
    S1: Tensor
    S2: Tensor


@lru_cache(maxsize=16)
def _constants(system: Topographic, dtype: torch.dtype, device: torch.device) -> Constants:
    k = torch.arange(1, system.K + 1, dtype=torch.float64)
    h = torch.polar(k**-1.5, k)
    twice, one = k.repeat_interleave(2), torch.eye(2 * system.K, dtype=torch.float64)
    turn = torch.block_diag(*[torch.tensor([[0.0, -1.0], [1.0, 0.0]])] * system.K)
    drag = torch.view_as_real(-1j * k * h).flatten()  # Im(h psi*) = Re(-i h psi*)
    amplitudes = system.noise / math.sqrt(2) / twice
    S1, S2 = independent_noise(k, (system.noise_U,), tuple(amplitudes.tolist()))
    root = math.sqrt(system.dt)
    parts = (twice, system.beta / twice, torch.view_as_real(1j * h / k).flatten(),
             2 * system.dt * drag[None], one, turn, root * S1, root * S2)  # fmt: skip
    return Constants(*(part.to(device, dtype) for part in parts))


@Setting
def topographic() -> Topographic:
    """Topographic mean-flow interaction with ten waves seen every 0.25."""
    return Topographic()
