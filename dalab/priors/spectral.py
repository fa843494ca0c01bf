r"""Covariances of statistically homogeneous windows, one small matrix per wavenumber.

A window ``(time, lev, y, x)`` of a homogeneous flow is c = time x lev fields on a periodic grid.
Under the unitary real FFT its covariance is block diagonal: one c x c Hermitian matrix C(k) per
wavenumber, so that products, conditioning and sampling cost a few FFTs,

.. math:: C v = F^{-1} [ C(k) \, F v ] .
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def to_spectrum(x: Tensor) -> Tensor:
    """``(..., time, lev, n, n) -> (..., c, n, n/2 + 1)``, unitary."""
    return torch.fft.rfft2(x.flatten(-4, -3), norm="ortho")


def to_window(spectrum: Tensor, fields: Sequence[int]) -> Tensor:
    """Inverse of :func:`to_spectrum`; ``fields`` is (time, lev)."""
    n = spectrum.shape[-2]
    return torch.fft.irfft2(spectrum, s=(n, n), norm="ortho").unflatten(-3, tuple(fields))


def weights(n: int, like: Tensor) -> Tensor:
    """How many of the n x n wavenumbers each stored column stands for, ``(n/2 + 1,)``."""
    w = like.real.new_full((n // 2 + 1,), 2.0)
    w[0] = w[-1] = 1.0
    return w


def product(matrices: Tensor, spectrum: Tensor) -> Tensor:
    """``matrices (l, k, a, b)`` times ``spectrum (..., b, l, k)``, giving ``(..., a, l, k)``.

    Both transposes are plain two-dimensional ones: batched products of strided operands were
    measured to be ten times slower.
    """
    l, k, a, b = matrices.shape
    rows = spectrum.reshape(-1, l * k).t().contiguous().view(l * k, -1, b)
    result = torch.bmm(rows, matrices.reshape(l * k, a, b).transpose(1, 2))
    return result.view(l * k, -1).t().reshape(*spectrum.shape[:-3], a, l, k)


class SpectralCovariance:
    """A homogeneous covariance, as an operator on windows.

    Args:
        matrices: Hermitian C(k), complex ``(n, n/2 + 1, c, c)``.
        fields: (time, lev), with time x lev = c.
        root: Hermitian square root of the matrices, where it is known already.
    """

    def __init__(self, matrices: Tensor, fields: Sequence[int], root: Tensor | None = None) -> None:
        self.matrices, self.fields = matrices, (int(fields[0]), int(fields[1]))
        self._root = root

    @property
    def n(self) -> int:
        """Cells along each side of the grid."""
        return self.matrices.shape[0]

    def __call__(self, v: Tensor) -> Tensor:
        """C v for windows ``(..., time, lev, y, x)``."""
        return to_window(product(self.matrices, to_spectrum(v)), self.fields)

    def __mul__(self, factor: float) -> SpectralCovariance:
        """The covariance times a scalar."""
        return SpectralCovariance(self.matrices * factor, self.fields)

    def variance(self) -> Tensor:
        """Variance of every field, ``(time, lev, 1, 1)``, constant in space."""
        diagonal = torch.diagonal(self.matrices, dim1=-2, dim2=-1).real
        w = weights(self.n, diagonal)[:, None]
        return ((diagonal * w).sum((0, 1)) / self.n**2).reshape(*self.fields, 1, 1)

    def observed_variance(self, transfer: Tensor) -> Tensor:
        """Variance of T x for a transfer function T, ``(time, channel, 1, 1)``.

        Exact but for imaginary parts at the Nyquist wavenumbers, which a real field drops.

        Args:
            transfer: ``(channel, lev, n, n/2 + 1)``, complex.
        """
        time, lev = self.fields
        blocks = self.matrices.unflatten(-1, (time, lev)).unflatten(-3, (time, lev))
        same_time = torch.diagonal(blocks, dim1=-4, dim2=-2)
        T = transfer.permute(2, 3, 0, 1)
        seen = torch.einsum("lkca,lkabt,lkcb->tclk", T, same_time, T.conj()).real
        w = weights(self.n, seen)
        return (seen * w).sum((-2, -1))[..., None, None] / self.n**2

    def condition_on_first(self, variance: float) -> Conditioning:
        """Condition on a noisy full-grid observation of step 0.

        Args:
            variance: white error variance of the observed step.
        """
        return Conditioning(self, variance)

    def sample(self, normal: Tensor) -> Tensor:
        """Colour white noise: windows ``(..., time, lev, y, x)`` with this covariance."""
        return to_window(product(self.root, to_spectrum(normal)), self.fields)

    @property
    def root(self) -> Tensor:
        """Hermitian square root of the matrices, computed on first use."""
        if self._root is None:
            w, V = torch.linalg.eigh(self.matrices)
            self._root = (V * w.clamp(min=0).sqrt()[..., None, :]) @ V.mH
        return self._root

    def first(self) -> SpectralCovariance:
        """Covariance of step 0 alone."""
        lev = self.fields[1]
        return SpectralCovariance(self.matrices[..., :lev, :lev], (1, lev))


class Conditioning:
    r"""A Gaussian window given a background: all cells of step 0, white error.

    With S = C_00 + b^2 I and K = C_{.0} S^{-1} per wavenumber, the mean moves by K (x_b - m_0) and
    the covariance becomes C - K C_{0.}; both stay homogeneous, so this is exact.
    """

    def __init__(self, prior: SpectralCovariance, variance: float) -> None:
        lev = prior.fields[1]
        C = prior.matrices
        eye = torch.eye(lev, dtype=C.dtype, device=C.device)
        S = C[..., :lev, :lev] + variance * eye
        self.gain = torch.linalg.solve(S, C[..., :lev, :]).mH
        self.fields = prior.fields
        posterior = C - self.gain @ C[..., :lev, :]
        self.covariance = SpectralCovariance((posterior + posterior.mH) / 2, prior.fields)

    def mean(self, mean: Tensor, background: Tensor) -> Tensor:
        """Conditioned mean of windows ``(..., time, lev, y, x)``.

        Args:
            mean: mean before conditioning.
            background: observed step, ``(lev, y, x)``.
        """
        innovation = torch.fft.rfft2(background - mean[..., 0, :, :, :], norm="ortho")
        return mean + to_window(product(self.gain, innovation), self.fields)


def estimate(windows: Tensor, floor: float = 1e-6, batch: int = 64) -> Tensor:
    """C(k) of a set of windows and of their mirror images, plus ``floor`` times the identity.

    The mirror image -q(x, -y) is an exact symmetry of two-layer flow on a beta plane: averaging
    over it makes C(k, l) equal C(k, -l).

    Args:
        windows: normalised windows ``(count, time, lev, n, n)``; indexed a batch at a time.
        floor: variance added to every mode, so that the matrices are positive definite.
        batch: windows per pass.

    Returns:
        Complex128 matrices ``(n, n/2 + 1, c, c)``.
    """
    total = 0
    for start in range(0, len(windows), batch):
        z = to_spectrum(windows[start : start + batch].double()).permute(2, 3, 1, 0)
        total = total + z @ z.mH
    mean = total / len(windows)
    mirrored = torch.roll(mean.flip(0), 1, dims=0)
    eye = torch.eye(mean.shape[-1], dtype=mean.dtype)
    return (mean + mirrored) / 2 + floor * eye
