r"""Pseudo-spectral solver of forced two-dimensional flow of an incompressible fluid.

.. math::
    \partial_t u + (u \cdot \nabla) u
    = -\nabla p + \nu \nabla^2 u + F \sin(m y) \, e_x - \gamma u , \quad \nabla \cdot u = 0 ,

on a square of side 2 pi, periodic both ways, stepped as the equation of its vorticity,

.. math::
    \partial_t \omega = (\partial_y^2 - \partial_x^2) (u_x u_y)
    + \partial_x \partial_y (u_x^2 - u_y^2) + (\nu \nabla^2 - \gamma) \, \omega - F m \cos(m y) ,

which takes four real transforms. Spectra are those of :mod:`dalab.fields`, ``(..., l, k)``. Only
wavenumbers below a third of the cells are kept, so that products are free of aliasing (the rule of
two thirds). Viscosity and drag are integrated exactly, the rest by the classical fourth-order
Runge-Kutta scheme (an integrating factor).

References:
    | Canuto, Hussaini, Quarteroni and Zang, Spectral Methods: Fundamentals (Springer, 2006): the
      rule of two thirds, integrating factors
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from ...fields import Grid, irfft, rfft


class Symbols(NamedTuple):
    """Factors of spectra ``(n, n/2 + 1)``, zero at the wavenumbers that are left out.

    Attributes:
        velocity: from the vorticity to u_x and u_y, ``(2, ...)``.
        curl: from u_x and u_y to the vorticity, ``(2, ...)``.
        flux: from u_x^2 - u_y^2 and u_x u_y to the advection of vorticity, ``(2, ...)``.
        force: spectrum of the curl of the force.
        half: decay of the vorticity over half a time step.
        whole: decay over a time step.
    """

    velocity: Tensor
    curl: Tensor
    flux: Tensor
    force: Tensor
    half: Tensor
    whole: Tensor


@dataclass(frozen=True, kw_only=True)
class Solver:
    """The equation and its time steps.

    Args:
        n: cells along each side.
        viscosity: nu.
        drag: gamma, the rate at which linear drag damps the flow.
        forcing: F, amplitude of the force F sin(m y) along x.
        wavenumber: m of the force.
        dt: time step.
    """

    n: int
    viscosity: float
    drag: float
    forcing: float
    wavenumber: int
    dt: float

    @property
    def grid(self) -> Grid:
        """The square of side 2 pi."""
        return Grid(self.n, 2 * math.pi)

    def vorticity(self, u: Tensor) -> Tensor:
        """Spectrum of the vorticity of velocities, ``(..., 2, n, n) -> (..., n, n/2 + 1)``."""
        return (self._symbols(u).curl * rfft(u)).sum(-3)

    def velocity(self, w: Tensor) -> Tensor:
        """Velocities of a spectrum of the vorticity, ``(..., n, n/2 + 1) -> (..., 2, n, n)``."""
        return irfft(self._symbols(w).velocity * w.unsqueeze(-3))

    def tendency(self, w: Tensor) -> Tensor:
        """Change of a spectrum of the vorticity by advection and forcing, same shape."""
        symbols = self._symbols(w)
        x, y = self.velocity(w).unbind(-3)
        products = torch.stack([(x - y) * (x + y), x * y], -3)
        return (symbols.flux * rfft(products)).sum(-3) + symbols.force

    def step(self, w: Tensor) -> Tensor:
        """Spectrum of the vorticity one time step later, same shape."""
        symbols, dt = self._symbols(w), self.dt
        k1 = self.tendency(w)
        k2 = self.tendency(symbols.half * (w + dt / 2 * k1))
        k3 = self.tendency(symbols.half * w + dt / 2 * k2)
        k4 = self.tendency(symbols.half * (symbols.half * w + dt * k3))
        return (
            symbols.whole * (w + dt / 6 * k1) + symbols.half * (dt / 3 * (k2 + k3)) + dt / 6 * k4
        )

    def _symbols(self, like: Tensor) -> Symbols:
        return make_symbols(self, like.device, like.real.dtype)


@lru_cache(maxsize=16)
def make_symbols(solver: Solver, device: torch.device, dtype: torch.dtype) -> Symbols:
    """The factors of a solver, computed in float64 and rounded to the precision of the states.

    Args:
        solver: whose they are.
        device: where the states are.
        dtype: real type of the states.
    """
    k, l = torch.broadcast_tensors(*solver.grid.wavenumbers())
    square = k**2 + l**2
    kept = (k < solver.n / 3) & (l.abs() < solver.n / 3)
    inverse = torch.where(square > 0, 1 / square, 0.0)
    m, decay = solver.wavenumber, -(solver.viscosity * square + solver.drag)
    curl = -solver.forcing * m * torch.cos(m * solver.grid.centres())[:, None]
    found = Symbols(
        velocity=torch.stack([1j * l * inverse, -1j * k * inverse]) * kept,
        curl=torch.stack([-1j * l, 1j * k]) * kept,
        flux=torch.stack([-k * l, k**2 - l**2]) * kept,
        force=rfft(curl.expand(solver.n, solver.n)) * kept,
        half=torch.exp(decay * solver.dt / 2),
        whole=torch.exp(decay * solver.dt),
    )
    return Symbols(*(
        part.to(device, dtype.to_complex() if part.is_complex() else dtype) for part in found
    ))


def log_normal(k: Tensor, mode: float, variance: float) -> Tensor:
    """Log-normal density at wavenumbers ``k``, up to its factor.

    Args:
        k: positive wavenumbers.
        mode: where it is largest.
        variance: of the logarithm.
    """
    log = torch.log(k)
    return torch.exp(-((math.log(mode) + variance - log) ** 2) / (2 * variance) - log)


def initial_velocity(solver: Solver, count: int, generator: torch.Generator) -> Tensor:
    """Random smooth velocities without divergence, of speed 3 at most, ``(count, 2, n, n)``.

    White noise, whose every Fourier coefficient is multiplied by g(K) / K, K the length of its
    wavenumber and g the log-normal density of mode 4 and variance 1/4; then, three times, without
    its divergence and rescaled (jax-cfd, ``filtered_velocity_field``).

    Args:
        solver: whose grid they are on.
        count: fields wanted.
        generator: source of the noise.
    """
    n = solver.n
    k, l = solver.grid.wavenumbers()
    length = torch.sqrt(k**2 + l**2)
    length[0, 0] = torch.inf  # no mean flow
    noise = torch.randn(count, 2, n, n, generator=generator, dtype=torch.float64)
    u = irfft(rfft(noise) * log_normal(length, 4.0, 0.25).nan_to_num() / length)
    for _ in range(3):
        u = solver.velocity(solver.vorticity(u))
        u = u * (3 / torch.linalg.vector_norm(u, dim=1).amax((-2, -1)))[:, None, None, None]
    return u
