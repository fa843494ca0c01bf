r"""Drifting tracers: the flow that carries them is Gaussian given their paths.

L tracers drift in a random incompressible flow on the torus of side 2 pi,

.. math::
    dx_l = u(x_l, t) dt + \sigma_x dW_l , \qquad
    u(x, t) = \sum_k \mathrm{Re} \left[ \hat u_k(t) e^{i k \cdot x} \right] \frac{k^\perp}{|k|} ,

whose Fourier modes, one of every pair k and -k with |k| <= K, are complex Ornstein-Uhlenbeck
processes that decay at the rate d and turn with the frequency of Rossby waves,

.. math::
    d \hat u_k = (-d - i \omega_k) \hat u_k dt + A_k \sqrt{2 d} \, dW_k , \qquad
    \omega_k = - \beta k_x / |k|^2 , \qquad A_k^2 \propto |k|^{-s} ,

with real and imaginary parts of variance A_k^2 and a mean square speed of 1. Their propagator over
a time step is exact; positions take steps of Euler and Maruyama.

Reference: Chen, Majumdar and Tong, Information barriers for noisy Lagrangian tracers in filtering
random incompressible flows (Nonlinearity 27, 2014)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from ...option_fields import positive, real, whole
from ..parametric import Setting
from ..time_stepped import time_between, time_step
from .base import Climate, Coefficients, ConditionalGaussian, Gaussian

MAP = 64
"""Cells along a side of the map of the flow."""


@dataclass(frozen=True, kw_only=True)
class Tracers(ConditionalGaussian):
    """Coordinates x and y of every tracer, resolved, and real and imaginary parts of every mode.

    All are fields of one cell. Coordinates are not wrapped around the torus; they have the mean and
    the standard deviation of the uniform distribution on it. Interval and time step are the same,
    so that the path of the tracers is all observed.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "tracers"
    count: int = whole(20, 1, 1000, "L, tracers")
    K: int = whole(3, 1, 10, "largest wavenumber of the flow")
    slope: float = real(3.0, -10.0, 10.0, "s, of the variance of the modes with the wavenumber")
    damping: float = positive(0.5, 100.0, "d, rate at which modes decay")
    beta: float = real(0.0, -100.0, 100.0, "beta, of the frequencies of Rossby waves")
    noise: float = positive(0.1, 100.0, "sigma_x, amplitude of the noise of the tracers")
    dt: float = time_step(0.02)
    interval: float = time_between(0.02)
    map_shape = (MAP, MAP)

    @property
    def resolved(self) -> int:
        return 2 * self.count

    @property
    def shape(self) -> tuple[int, int, int]:
        return (2 * self.count + 2 * len(modes(self.K)), 1, 1)

    @property
    def climate(self) -> Climate:
        """The exact one."""
        side, places = 2 * math.pi, 2 * self.count
        std = tuple(self.amplitudes().repeat_interleave(2).tolist())
        return Climate(
            (math.pi,) * places + (0.0,) * len(std), (side / math.sqrt(12),) * places + std,
            (0.95 * side,) * places + tuple(1.645 * one for one in std),
        )

    @property
    def variables(self) -> tuple[str, ...]:
        tracers = (f"{axis}{l}" for l in range(1, self.count + 1) for axis in "xy")
        parts = (f"{part}{m}" for m in range(1, len(modes(self.K)) + 1) for part in ("re", "im"))
        return (*tracers, *parts)

    def amplitudes(self) -> Tensor:
        """Standard deviations A_k of the real part of every mode, ``(modes,)``, float64."""
        variance = modes(self.K).square().sum(-1) ** (-self.slope / 2)
        return (variance / variance.sum()).sqrt()

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        c = _constants(self, u.dtype, u.device)
        phases = u.unflatten(-1, (self.count, 2)) @ c.k.mT  # (..., blocks, tracer, mode)
        waves = torch.stack([phases.cos(), -phases.sin()], -1).unsqueeze(-3)
        H = self.dt * (waves * c.direction).flatten(-2).flatten(-3, -2)
        still = torch.zeros_like(u[..., :1])
        return Coefficients(still, H, c.F, still, c.S1, c.S2)

    def sample_climate(self, count: int, generator: torch.Generator) -> Tensor:
        """Independent states of the climate, normalised, ``(count, *shape)``, float64.

        Tracers are anywhere, and modes are stationary.
        """
        places = torch.rand(count, self.resolved, 1, 1, generator=generator, dtype=torch.float64)
        parts = self.shape[0] - self.resolved
        waves = torch.randn(count, parts, 1, 1, generator=generator, dtype=torch.float64)
        return torch.cat([math.sqrt(12) * (places - 0.5), waves], -3)

    def climate_of_hidden(self, u: Tensor) -> Gaussian:
        variance = self.amplitudes().repeat_interleave(2).square().to(u)
        mean = variance.new_zeros(*u.shape[:-1], len(variance))
        return Gaussian(mean, variance.diag().expand(*mean.shape, len(variance)))

    def steady_variance(self) -> Tensor:
        r"""Variance of both parts of every mode given the path of many tracers, ``(modes,)``.

        It is the steady state of the Riccati equation averaged over uniform tracers,

        .. math::
            R = \left[ -d + \sqrt{d^2 + L s^2 / (2 \sigma_x^2)} \right] 2 \sigma_x^2 / L ,
            \qquad s^2 = 2 d A_k^2 ,

        which falls like 1 / sqrt(L) where there are many.
        """
        d, inverse = self.damping, 2 * self.noise**2 / self.count
        return inverse * ((d**2 + 2 * d * self.amplitudes() ** 2 / inverse).sqrt() - d)

    def flow_map(self, states: Tensor) -> Tensor:
        """Vorticity of the flow, ``(..., *map_shape)``, rows along y.

        Args:
            states: normalised, ``(..., *shape)``.
        """
        waves = self.physical(states)[..., self.resolved :, 0, 0]
        vorticity = _vorticity(self.K, states.dtype, states.device)
        return (waves @ vorticity).unflatten(-1, self.map_shape)

    def tracer_positions(self, states: Tensor) -> Tensor:
        """Coordinates x and y of the tracers in units of the side, ``(..., L, 2)``, in [0, 1).

        Args:
            states: normalised, ``(..., *shape)``.
        """
        places = self.physical(states)[..., : self.resolved, 0, 0] / (2 * math.pi)
        return places.remainder(1.0).unflatten(-1, (self.count, 2))


class Constants(NamedTuple):
    """Parts of the coefficients that no state changes.

    Attributes:
        k: wavenumbers, ``(modes, 2)``.
        direction: unit vectors across them, ``(2, modes, 1)``.
        F: propagator of the modes in a time step, ``(2 modes, 2 modes)``.
        S1: loadings of the noise of the tracers, ``(2 L, 2 L + 2 modes)``.
        S2: those of the modes, ``(2 modes, 2 L + 2 modes)``.
    """

    k: Tensor
    direction: Tensor
    F: Tensor
    S1: Tensor
    S2: Tensor


@lru_cache(maxsize=16)
def _constants(system: Tracers, dtype: torch.dtype, device: torch.device) -> Constants:
    k, dt = modes(system.K), system.dt
    square = k.square().sum(-1)
    across = torch.stack([-k[:, 1], k[:, 0]]) / square.sqrt()
    angle = system.beta * k[:, 0] / square * dt
    decay = math.exp(-system.damping * dt)
    turns = [decay * torch.tensor([[a.cos(), -a.sin()], [a.sin(), a.cos()]], dtype=dtype)
             for a in angle]  # fmt: skip
    added = system.amplitudes().repeat_interleave(2) * math.sqrt(1 - decay**2)
    moved = torch.full((system.resolved,), system.noise * math.sqrt(dt), dtype=torch.float64)
    S = torch.cat([moved, added]).diag()
    parts = k, across.unsqueeze(-1), torch.block_diag(*turns), S[: len(moved)], S[len(moved) :]
    return Constants(*(part.to(device, dtype) for part in parts))


@lru_cache(maxsize=16)
def modes(K: int) -> Tensor:
    """Wavenumbers (k_x, k_y) of length K at most, one of every pair k and -k, ``(modes, 2)``."""
    every = torch.cartesian_prod(torch.arange(0, K + 1), torch.arange(-K, K + 1))
    length = every.square().sum(-1)
    half = (every[:, 0] > 0) | (every[:, 1] > 0)
    chosen = every[half & (length <= K**2) & (length > 0)]
    return chosen[chosen.square().sum(-1).argsort(stable=True)].to(torch.float64)


@lru_cache(maxsize=16)
def _vorticity(K: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Vorticity at the centres of the cells of the map by part of every mode, ``(parts, n^2)``."""
    centres = (torch.arange(MAP, dtype=torch.float64) + 0.5) * (2 * math.pi / MAP)
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    k = modes(K)
    phases = k[:, :1] * x.flatten() + k[:, 1:] * y.flatten()
    parts = torch.stack([-phases.sin(), -phases.cos()], 1) * k.norm(dim=-1)[:, None, None]
    return parts.flatten(0, 1).to(device, dtype)


@Setting
def tracers() -> Tracers:
    """Twenty tracers in a flow of wavenumbers up to three, seen every 0.02."""
    return Tracers()
