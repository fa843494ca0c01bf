r"""Doubly periodic fields and their spectra.

Conventions, those of pyqg. Arrays are ``(..., lev, y, x)``; spectra are the unnormalised real FFT
over the last two axes, ``(..., lev, l, k)`` with ``n`` rows and ``n/2 + 1`` columns. Potential
vorticity q [1/s], streamfunction psi [m^2/s] and velocities u, v [m/s] of two layers obey

.. math::
    q_1 = \nabla^2 \psi_1 + F_1 (\psi_2 - \psi_1), \quad
    q_2 = \nabla^2 \psi_2 + F_2 (\psi_1 - \psi_2), \quad
    u_i = -\partial_y \psi_i, \quad v_i = \partial_x \psi_i .
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from .errors import InputError


def rfft(field: Tensor) -> Tensor:
    """Spectrum of a real field, ``(..., n, n) -> (..., n, n/2 + 1)``, unnormalised."""
    return torch.fft.rfft2(field)


def irfft(spectrum: Tensor) -> Tensor:
    """Real field of a spectrum, ``(..., n, n/2 + 1) -> (..., n, n)``."""
    n = spectrum.shape[-2]
    return torch.fft.irfft2(spectrum, s=(n, n))


@dataclass(frozen=True)
class Grid:
    """A square, doubly periodic grid.

    Args:
        n: cells along each side, even and at least 4.
        L: length of a side [m].

    Raises:
        InputError: if ``n`` is odd or below 4, or ``L`` is not positive.
    """

    n: int = 64
    L: float = 1.0e6

    def __post_init__(self) -> None:
        if self.n < 4 or self.n % 2:
            raise InputError("grid size n", self.n, "must be even and at least 4", "Use 64.")
        if not self.L > 0:
            raise InputError("domain length L", self.L, "must be positive, in metres", "Use 1e6.")

    @property
    def spacing(self) -> float:
        """Cell width [m]."""
        return self.L / self.n

    def centres(self, dtype: torch.dtype = torch.float64) -> Tensor:
        """Cell centres along one side [m], shape ``(n,)``."""
        return (torch.arange(self.n, dtype=dtype) + 0.5) * self.spacing

    def wavenumbers(self, like: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Zonal ``k`` of shape ``(n/2 + 1,)`` and meridional ``l`` of shape ``(n, 1)`` [rad/m].

        The Nyquist row and column are kept, as in pyqg.

        Args:
            like: a tensor whose device and real precision the result takes; float64 on the CPU
                by default.
        """
        k, l = _wavenumbers(self)
        return (k, l) if like is None else (_match(k, like), _match(l, like))


@lru_cache(maxsize=32)
def _wavenumbers(grid: Grid) -> tuple[Tensor, Tensor]:
    unit = 2 * math.pi / grid.L
    k = unit * torch.arange(grid.n // 2 + 1, dtype=torch.float64)
    l = unit * grid.n * torch.fft.fftfreq(grid.n, dtype=torch.float64)
    return k, l[:, None]


def _match(constant: Tensor, like: Tensor) -> Tensor:
    return constant.to(device=like.device, dtype=like.real.dtype)


@dataclass(frozen=True)
class Layers:
    """Stretching coefficients that couple two layers.

    Args:
        F1: upper layer [1/m^2].
        F2: lower layer [1/m^2].
    """

    F1: float
    F2: float

    @classmethod
    def from_radius(cls, rd: float, delta: float) -> Layers:
        """From the deformation radius ``rd`` [m] and the depth ratio ``delta = H1/H2``."""
        F1 = rd**-2 / (1 + delta)
        return cls(F1=F1, F2=delta * F1)

    def inversion(self, grid: Grid) -> Tensor:
        """Matrix ``a`` of psi_i = a_ij q_j per wavenumber, ``(2, 2, n, n/2 + 1)`` [m^2], float64.

        The domain mean of psi is set to zero.
        """
        k, l = grid.wavenumbers()
        K2 = k**2 + l**2
        det = K2 * (K2 + self.F1 + self.F2)
        det[0, 0] = torch.inf
        rows = [
            torch.stack([K2 + self.F2, torch.full_like(K2, self.F1)]),
            torch.stack([torch.full_like(K2, self.F2), K2 + self.F1]),
        ]
        return -torch.stack(rows) / det

    def streamfunction(self, qh: Tensor, grid: Grid) -> Tensor:
        """Spectrum of psi [m^2/s] from that of q [1/s], both ``(..., 2, n, n/2 + 1)``."""
        a = _match(self.inversion(grid), qh)
        return torch.stack([(a[i] * qh).sum(-3) for i in range(2)], dim=-3)


def velocity(ph: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Spectra of u = -dpsi/dy and v = dpsi/dx [m/s] from that of psi, same shape."""
    k, l = grid.wavenumbers(like=ph)
    return -1j * l * ph, 1j * k * ph


def relative_vorticity(ph: Tensor, grid: Grid) -> Tensor:
    """Spectrum of the relative vorticity lap psi [1/s] from that of psi, same shape."""
    k, l = grid.wavenumbers(like=ph)
    return -(k**2 + l**2) * ph
