r"""Covariances of statistically homogeneous windows, one small matrix per wavenumber.

A window ``(time, lev, y, x)`` of a homogeneous flow is c = time x lev fields on a periodic grid.
Under the unitary real FFT its covariance is block diagonal: one c x c Hermitian matrix C(k) per
wavenumber, so that products, conditioning and sampling cost a few FFTs,

.. math:: C v = F^{-1} [ C(k) \, F v ] .

The grid has ny x nx cells, odd or even: a ring is 1 x nx, and a system without space is a grid of
one cell, whose only C(k) is the whole covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def to_spectrum(x: Tensor) -> Tensor:
    """Transform ``(..., time, lev, ny, nx) -> (..., c, ny, nx//2 + 1)``, unitary."""
    return torch.fft.rfft2(x.flatten(-4, -3), norm="ortho")


def to_window(spectrum: Tensor, window: Sequence[int]) -> Tensor:
    """Invert :func:`to_spectrum`; ``window`` is (time, lev, ny, nx)."""
    time, lev, *grid = window
    return torch.fft.irfft2(spectrum, s=grid, norm="ortho").unflatten(-3, (time, lev))


def weights(nx: int, like: Tensor) -> Tensor:
    """Number of zonal wavenumbers that each stored column stands for, ``(nx//2 + 1,)``.

    All columns but the mean and, for even nx, the Nyquist column have a conjugate twin.
    """
    w = like.real.new_full((nx // 2 + 1,), 2.0)
    w[0] = 1.0
    if nx % 2 == 0:
        w[-1] = 1.0
    return w


def product(matrices: Tensor, spectrum: Tensor) -> Tensor:
    """Multiply ``matrices (l, k, a, b)`` and ``spectrum (..., b, l, k)``, to ``(..., a, l, k)``.

    Both transposes are plain two-dimensional ones: batched products of strided operands were
    measured to be ten times slower.
    """
    matrices = matrices.to(spectrum.dtype)
    l, k, a, b = matrices.shape
    rows = spectrum.reshape(-1, l * k).t().contiguous().view(l * k, -1, b)
    result = torch.bmm(rows, matrices.reshape(l * k, a, b).transpose(1, 2))
    return result.view(l * k, -1).t().reshape(*spectrum.shape[:-3], a, l, k)


class SpectralCovariance:
    """A homogeneous covariance, as an operator on windows.

    Args:
        matrices: Hermitian C(k), complex ``(ny, nx//2 + 1, c, c)``.
        window: shape of a window, (time, lev, ny, nx), with time x lev = c.
        root: Hermitian square root of the matrices, where it is known already.
    """

    def __init__(self, matrices: Tensor, window: Sequence[int], root: Tensor | None = None) -> None:
        self.matrices, self.window = matrices, tuple(int(size) for size in window)
        self._root = root

    @property
    def fields(self) -> tuple[int, int]:
        """(time, lev)."""
        return self.window[0], self.window[1]

    @property
    def grid(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.window[2], self.window[3]

    def __call__(self, v: Tensor) -> Tensor:
        """Multiply windows: C v for ``(..., time, lev, y, x)``."""
        return to_window(product(self.matrices, to_spectrum(v)), self.window)

    def __mul__(self, factor: float) -> SpectralCovariance:
        """Multiply by a scalar."""
        return SpectralCovariance(self.matrices * factor, self.window)

    def variance(self) -> Tensor:
        """Variance of every field, ``(time, lev, 1, 1)``, constant in space."""
        diagonal = torch.diagonal(self.matrices, dim1=-2, dim2=-1).real
        return self._mean(diagonal.permute(2, 0, 1)).reshape(*self.fields, 1, 1)

    def _mean(self, power: Tensor) -> Tensor:
        """Mean over all wavenumbers of ``(..., ny, nx//2 + 1)``."""
        ny, nx = self.grid
        return (power * weights(nx, power)).sum((-2, -1)) / (ny * nx)

    def observed_variance(self, transfer: Tensor) -> Tensor:
        """Variance of T x for a transfer function T, ``(time, channel, 1, 1)``.

        Exact but for imaginary parts at the Nyquist wavenumbers, which a real field drops.

        Args:
            transfer: ``(channel, lev, ny, nx//2 + 1)``, complex.
        """
        time, lev = self.fields
        blocks = self.matrices.unflatten(-1, (time, lev)).unflatten(-3, (time, lev))
        same_time = torch.diagonal(blocks, dim1=-4, dim2=-2)
        T = transfer.permute(2, 3, 0, 1)
        seen = torch.einsum("lkca,lkabt,lkcb->tclk", T, same_time, T.conj()).real
        return self._mean(seen)[..., None, None]

    def condition_on(self, observation: HomogeneousObservation) -> Conditioning:
        """Condition on a homogeneous observation."""
        return Conditioning(self, observation)

    def denoising_error(self, sigma: float) -> SpectralCovariance:
        """Covariance of windows given noisy ones, C s^2 (C + s^2)^{-1}, if they are Gaussian.

        It is the error covariance of the best linear denoiser, hence for any other distribution
        with this covariance an upper bound of the average over noisy windows.

        Args:
            sigma: standard deviation s of the noise.
        """
        C = self.matrices.to(torch.complex128)
        noise = sigma**2 * torch.eye(C.shape[-1], dtype=C.dtype, device=C.device)
        error = sigma**2 * torch.linalg.solve(C + noise, C)
        return SpectralCovariance(((error + error.mH) / 2).to(self.matrices), self.window)

    def sample(self, normal: Tensor) -> Tensor:
        """Colour white noise: windows ``(..., time, lev, y, x)`` with this covariance."""
        return to_window(product(self.root, to_spectrum(normal)), self.window)

    @property
    def root(self) -> Tensor:
        """Hermitian square root of the matrices, computed on first use."""
        if self._root is None:
            w, V = torch.linalg.eigh(self.matrices)
            self._root = (V * w.clamp(min=0).sqrt()[..., None, :]) @ V.mH
        return self._root

    def first(self) -> SpectralCovariance:
        """Covariance of step 0 alone, ``(1, lev, ny, nx)``."""
        lev = self.fields[1]
        return SpectralCovariance(self.matrices[..., :lev, :lev], (1, lev, *self.grid))


@dataclass(frozen=True)
class HomogeneousObservation:
    """A homogeneous linear observation of windows, with white errors of unit variance.

    Args:
        operator: H(k), ``(ny, nx//2 + 1, r, c)``.
        values: spectra of the observed fields, unitary, ``(r, ny, nx//2 + 1)``.
    """

    operator: Tensor
    values: Tensor

    @classmethod
    def of_first(cls, state: Tensor, std: float, steps: int) -> HomogeneousObservation:
        """Observe step 0 alone, in every cell.

        Args:
            state: the observed state, ``(lev, y, x)``.
            std: standard deviation of its error.
            steps: of the window.
        """
        lev = len(state)
        values = torch.fft.rfft2(state / std, norm="ortho")
        operator = torch.eye(lev, steps * lev).to(values) / std
        return cls(operator.expand(*values.shape[-2:], -1, -1), values)


class Conditioning:
    r"""Gaussian window conditioned on y = H x + e, homogeneous, with e white of unit variance.

    With the gain K = C H^H (H C H^H + I)^{-1} per wavenumber, the mean moves by K (y - H m) and the
    covariance becomes C - K H C; both stay homogeneous, so this is exact.
    """

    def __init__(self, prior: SpectralCovariance, observation: HomogeneousObservation) -> None:
        C, H = prior.matrices.to(torch.complex128), observation.operator.to(torch.complex128)
        seen = H @ C
        S = seen @ H.mH + torch.eye(H.shape[-2], dtype=C.dtype, device=C.device)
        gain = torch.linalg.solve(S, seen).mH
        posterior = C - gain @ seen
        like = prior.matrices
        self.observation, self.window, self.gain = observation, prior.window, gain.to(like)
        self.covariance = SpectralCovariance(((posterior + posterior.mH) / 2).to(like), self.window)

    def mean(self, mean: Tensor, noise: Tensor | None = None) -> Tensor:
        """Conditioned mean of windows ``(..., time, lev, y, x)``.

        Args:
            mean: mean before conditioning.
            noise: standard normal fields to be added to the observed ones, ``(..., r, y, x)``.
        """
        values = self.observation.values
        if noise is not None:
            values = values + torch.fft.rfft2(noise, norm="ortho")
        expected = product(self.observation.operator, to_spectrum(mean))
        return mean + to_window(product(self.gain, values - expected), self.window)


FLOOR = 1e-6
"""Variance added to every mode of an estimate, so that it is positive definite."""


def estimate(
    windows: Tensor, floor: float = FLOOR, batch: int = 64, *, mirror: bool = False
) -> Tensor:
    """Estimate C(k) from a set of windows, plus ``floor`` times the identity.

    Args:
        windows: normalised windows ``(count, time, lev, ny, nx)``; indexed a batch at a time.
        floor: variance added to every mode, so that the matrices are positive definite.
        batch: windows per pass.
        mirror: average over mirror images in y, so that C(k, l) equals C(k, -l). The image
            -q(x, -y) is an exact symmetry of two-layer flow on a beta plane.

    Returns:
        Complex128 matrices ``(ny, nx//2 + 1, c, c)``.
    """
    total = torch.zeros(())
    for start in range(0, len(windows), batch):
        z = to_spectrum(windows[start : start + batch].double()).permute(2, 3, 1, 0)
        total = total + z @ z.mH
    mean = total / len(windows)
    if mirror:
        mean = (mean + torch.roll(mean.flip(0), 1, dims=0)) / 2
    return mean + floor * torch.eye(mean.shape[-1], dtype=mean.dtype)
