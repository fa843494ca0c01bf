r"""Pseudo-spectral solver of surface quasi-geostrophic flow between two rigid boundaries.

Potential vorticity is constant within the fluid, so that q = d(psi)/dz at the two boundaries, z = 0
and z = H, determines the flow. It obeys, on a square that is periodic both ways,

.. math::
    \partial_t q + a \nabla \cdot (\mathbf{u} q) = (q_{eq} - q) / \tau_d , \quad
    \mathbf{u} = (-\partial_y \psi, \partial_x \psi) ,

with a = 1, but see below, and the streamfunctions of both boundaries, at total wavenumber K and
mu = K N H / f,

.. math::
    \psi_0 = \frac{H}{\mu} \left( \frac{q_1}{\sinh \mu} - \frac{q_0}{\tanh \mu} \right) , \quad
    \psi_1 = \frac{H}{\mu} \left( \frac{q_1}{\tanh \mu} - \frac{q_0}{\sinh \mu} \right) .

The classical fourth-order Runge-Kutta scheme steps the spectrum. Products are formed on a grid of
3/2 times as many points a side, and cut back: they are free of aliasing. After every step the
spectrum is multiplied by exp(-(dt / tau_h) (K / K_c)^8), K_c = pi n / L.

References:
    | Tulloch and Smith, Quasigeostrophic turbulence with explicit surface dynamics
      (J. Atmos. Sci. 66, 2009), section 3
    | sqgturb, https://github.com/jswhit/sqgturb: equations and scheme. It advances
      u . grad(q) where the flux is differentiated here, which is the same without aliasing, and
      counts y from another point (:attr:`Solver.equilibrium`). Where it pads spectra it multiplies
      them by 9/4, the ratio of the numbers of points, and does not divide by it when it cuts the
      Jacobian back: it solves the equation with a = 9/4, which is that with a = 1, 9/4 of the jet,
      and states shown at 4/9 of their size. So do the ports of it that data assimilation uses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from ...fields import Grid, rfft


class Symbols(NamedTuple):
    """Factors of spectra. Those of the flow are about kept wavenumbers alone, ``(2 m - 1, m)``.

    Kept are the rows l = 0 to m - 1, then 1 - m to -1, and the columns k = 0 to m - 1, m = n/2.

    Attributes:
        own: from q of a level to psi of that level, ``(2, ...)``.
        other: from q of the other level to psi, ``(2, ...)``.
        velocity: from the spectrum of psi to the coefficients of u and v, ``(2, 1, ...)``.
        divergence: from the fluxes u q and v q to the change of q, ``(2, 1, ...)``.
        equilibrium: spectrum of q_eq divided by tau_d, ``(n, n/2 + 1)``.
        diffusion: factor after every step, ``(n, n/2 + 1)``.
    """

    own: Tensor
    other: Tensor
    velocity: Tensor
    divergence: Tensor
    equilibrium: Tensor
    diffusion: Tensor


@dataclass(frozen=True, kw_only=True)
class Solver:
    """The equation and its time steps.

    Args:
        n: cells along each side, even.
        L: length of a side [m].
        H: distance of the boundaries [m].
        f: Coriolis parameter [1/s].
        stability: N, the buoyancy frequency [1/s].
        U: shear of the jet between the boundaries in equilibrium [m/s].
        relaxation: tau_d [s].
        dt: time step [s].
        diffusion: tau_h [s].
        factor: a, of the advection.
    """

    n: int
    L: float
    H: float
    f: float
    stability: float
    U: float
    relaxation: float
    dt: float
    diffusion: float
    factor: float = 1.0

    @property
    def grid(self) -> Grid:
        """The square."""
        return Grid(self.n, self.L)

    @property
    def equilibrium(self) -> Tensor:
        """q_eq of either level [m/s], ``(n, n)``, float64: a wave of the length of the domain.

        y is counted from a place where q_eq is zero, so that the upper jet blows to the east in the
        middle of the domain, with the cold to its north.
        """
        l = 2 * math.pi / self.L
        mu = l * self.stability * self.H / self.f
        amplitude = mu * self.U / (2 * l * self.H) / math.tanh(mu / 2)
        wave = amplitude * torch.sin(l * self.grid.centres())
        return wave[:, None].expand(self.n, self.n)

    def inversion(self) -> Tensor:
        """Matrix from q to psi per wavenumber, ``(2, 2, n, n/2 + 1)`` [m], float64.

        The domain mean of psi is set to zero.
        """
        k, l = self.grid.wavenumbers()
        mu = torch.sqrt(k**2 + l**2) * self.stability * self.H / self.f
        mu[0, 0] = torch.inf
        own, other = self.H / (mu * torch.tanh(mu)), self.H / (mu * torch.sinh(mu))
        return torch.stack([torch.stack([-own, other]), torch.stack([-other, own])])

    def tendency(self, Q: Tensor) -> Tensor:
        """Change of a spectrum by advection and relaxation, same shape.

        Args:
            Q: unnormalised spectrum of q, ``(..., 2, n, n/2 + 1)``.
        """
        symbols = self._symbols(Q)
        change = symbols.equilibrium - Q / self.relaxation
        m = self.n // 2
        advected = self.advection(Q)
        change[..., :m, :m] += advected[..., :m, :]
        change[..., 1 - m :, :m] += advected[..., m:, :]
        return change

    def advection(self, Q: Tensor) -> Tensor:
        """-a div(u q) of a spectrum, at kept wavenumbers, ``(..., 2, n - 1, n/2)``."""
        symbols, m, wide = self._symbols(Q), self.n // 2, 3 * self.n // 2
        kept = torch.cat([Q[..., :m, :m], Q[..., 1 - m :, :m]], -2)
        psi = torch.addcmul(symbols.own * kept, symbols.other, kept.flip(-3))
        padded = kept.new_zeros(*kept.shape[:-3], 3, 2, wide, m)
        for rows, part in ((slice(m), slice(m)), (slice(1 - m, None), slice(m, None))):
            flow = symbols.velocity[..., part, :] * psi[..., None, :, part, :]
            padded[..., :2, :, rows, :] = flow
            padded[..., 2, :, rows, :] = kept[..., part, :]
        fields = torch.fft.irfft(
            torch.fft.ifft(padded, dim=-2, norm="forward"), n=wide, dim=-1, norm="forward"
        )
        flux = fields[..., :2, :, :, :] * fields[..., 2:, :, :, :]
        columns = torch.fft.fft(torch.fft.rfft(flux)[..., :m], dim=-2)
        return (symbols.divergence * torch.cat(
            [columns[..., :m, :], columns[..., 1 - m :, :]], -2
        )).sum(-4)

    def step(self, Q: Tensor) -> Tensor:
        """Spectrum of q one time step later, same shape."""
        dt = self.dt
        k1 = self.tendency(Q)
        k2 = self.tendency(Q + dt / 2 * k1)
        k3 = self.tendency(Q + dt / 2 * k2)
        k4 = self.tendency(Q + dt * k3)
        return self._symbols(Q).diffusion * (Q + dt / 6 * (k1 + k4 + 2 * (k2 + k3)))

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
    n, m = solver.n, solver.n // 2
    k, l = torch.broadcast_tensors(*solver.grid.wavenumbers())
    inversion = solver.inversion()
    gradient = torch.stack([1j * k, 1j * l])[:, None]
    cutoff = math.pi * n / solver.L
    damping = solver.dt / solver.diffusion * (torch.sqrt(k**2 + l**2) / cutoff) ** 8

    def kept(symbol: Tensor) -> Tensor:
        return torch.cat([symbol[..., :m, :m], symbol[..., 1 - m :, :m]], -2)

    found = Symbols(
        own=kept(torch.stack([inversion[0, 0], inversion[1, 1]])),
        other=kept(torch.stack([inversion[0, 1], inversion[1, 0]])),
        velocity=kept(torch.cat([-gradient[1:], gradient[:1]])) / n**2,
        divergence=-kept(gradient) * solver.factor * (2 / 3) ** 2 / n**2,
        equilibrium=rfft(solver.equilibrium) / solver.relaxation,
        diffusion=torch.exp(-damping),
    )
    return Symbols(*(
        part.to(device, dtype.to_complex() if part.is_complex() else dtype) for part in found
    ))


def initial_states(solver: Solver, generators: Sequence[torch.Generator]) -> Tensor:
    """Noise and a blob on the upper boundary, q [m/s], ``(count, 2, n, n)``, float64.

    Noise N(0, 100^2) on both levels, and 2000 sin(x/2)^40 cos(y)^20 on the upper one, with x and y
    in [0, 2 pi), without the means of the levels.

    Args:
        solver: whose grid they are on.
        generators: source of the noise of each state.
    """
    shape = (2, solver.n, solver.n)
    q = torch.stack([
        100 * torch.randn(shape, generator=generator, dtype=torch.float64)
        for generator in generators
    ])
    angle = 2 * math.pi / solver.L * solver.grid.centres()
    q[:, 1] += 2000 * torch.sin(angle / 2) ** 40 * torch.cos(angle[:, None]) ** 20
    return q - q.mean((-2, -1), keepdim=True)
