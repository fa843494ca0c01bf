"""Linear maps between fields that depend on the size of the wavenumber alone.

One small real matrix per ring of equal wavenumber: the most general linear map between groups of
fields that commutes with shifts and knows no direction. On a ring of sites the wavenumber itself is
the ring, and on a single cell there is one ring.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..covariance import weights


def ring_index(ny: int, nx: int) -> Tensor:
    """Ring of every stored wavenumber, ``(ny, nx // 2 + 1)``, integers from 0.

    Rings are one unit of the smaller wavenumber wide.
    """
    l = torch.fft.fftfreq(ny, dtype=torch.float64) * ny
    k = torch.fft.rfftfreq(nx, dtype=torch.float64) * nx
    return torch.hypot(l[:, None], k).round().long()


def ring_sums(power: Tensor, nx: int) -> Tensor:
    """Sum over the rings a real, even function of the wavenumber.

    Args:
        power: at the stored wavenumbers, ``(..., ny, nx // 2 + 1)``.
        nx: cells from west to east.

    Returns:
        ``(..., rings)``.
    """
    rings = ring_index(power.shape[-2], nx).flatten().to(power.device)
    whole = (power * weights(nx, power)).flatten(-2)
    sums = whole.new_zeros(*whole.shape[:-1], int(rings.max()) + 1)
    return sums.index_add_(-1, rings, whole)


def ring_means(matrices: Tensor) -> Tensor:
    """Average over the rings Hermitian matrices of real fields, ``(rings, c, c)``, real.

    Args:
        matrices: at the stored wavenumbers, ``(ny, nx // 2 + 1, c, c)``.
    """
    entries = matrices.real.permute(2, 3, 0, 1)
    nx = 2 * (entries.shape[-1] - 1)
    modes = ring_sums(torch.ones_like(entries[0, 0]), nx)
    return (ring_sums(entries, nx) / modes).permute(2, 0, 1)


def apply(gains: Tensor, features: Tensor, rings: Tensor) -> Tensor:
    """Map fields through ring matrices.

    Args:
        gains: ``(batch or 1, rings, out, in)``.
        features: ``(batch, in, y, x)``.
        rings: from :func:`ring_index`.

    Returns:
        ``(batch, out, y, x)``.
    """
    spectra = torch.fft.rfft2(features)
    symbol = gains.permute(0, 2, 3, 1)[..., rings].to(features)
    total = symbol[:, :, 0] * spectra[:, None, 0]
    for i in range(1, spectra.shape[1]):
        total = total.addcmul_(symbol[:, :, i], spectra[:, None, i])
    return torch.fft.irfft2(total, s=features.shape[-2:])


def regress(target: Tensor, features: Tensor, rings: Tensor, ridge: float = 1e-6) -> Tensor:
    """Fit least-squares ring matrices from features to a target.

    Args:
        target: ``(count, out, y, x)``.
        features: ``(count, in, y, x)``.
        rings: from :func:`ring_index`.
        ridge: relative weight that keeps the equations of equal features solvable.

    Returns:
        ``(rings, out, in)``, float64.
    """
    nx = features.shape[-1]
    t, f = (torch.fft.rfft2(z.double(), norm="ortho") for z in (target, features))
    weight = weights(nx, f)
    A = _products(f.conj() * weight, f, rings)
    b = _products(f.conj() * weight, t, rings)
    size = torch.diagonal(A, dim1=-2, dim2=-1).mean(-1)[:, None, None]
    A = A + (ridge * size + 1e-12) * torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    return torch.linalg.solve(A, b).mT


def moments(features: Tensor, rings: Tensor) -> Tensor:
    """Second moments of fields per mode of each ring, averaged over samples.

    Args:
        features: ``(count, in, y, x)``.
        rings: from :func:`ring_index`.

    Returns:
        ``(rings, in, in)``, float64; unitary transforms are meant.
    """
    ny, nx = features.shape[-2:]
    f = torch.fft.rfft2(features.double(), norm="ortho")
    modes = ring_sums(torch.ones(ny, nx // 2 + 1, dtype=torch.float64, device=f.device), nx)
    total = _products(f.conj() * weights(nx, f), f, rings)
    return total / (len(features) * modes[:, None, None].clamp(min=1))


def _products(a: Tensor, b: Tensor, rings: Tensor) -> Tensor:
    """Real parts of sums of a_i b_j over samples and wavenumbers of each ring, ``(r, i, j)``."""
    left, right = (z.permute(2, 3, 1, 0).flatten(0, 1).contiguous() for z in (a, b))
    products = torch.bmm(left, right.mT).real
    sums = products.new_zeros(int(rings.max()) + 1, *products.shape[1:])
    return sums.index_add_(0, rings.flatten(), products)


class RingModule(nn.Module):
    """A part of a prior that has a small matrix per ring.

    Args:
        window: shape of a window, (time, lev, y, x).
    """

    rings: Tensor

    def __init__(self, window: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("rings", ring_index(*window[-2:]), persistent=False)
        self.count = int(self.rings.max()) + 1


class LogTable(nn.Module):
    """Values on a grid of noise levels, interpolated linearly in the logarithm of the level.

    Args:
        levels: noise levels, increasing.
        shape: shape of the value at one level.
    """

    levels: Tensor
    values: Tensor

    def __init__(self, levels: Sequence[float], shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("levels", torch.tensor(list(levels), dtype=torch.float64))
        self.register_buffer("values", torch.zeros(len(levels), *shape))

    def forward(self, sigma: Tensor) -> Tensor:
        """Interpolate to the levels ``sigma (batch,)``; values are constant beyond the grid."""
        return interpolate(self.values, self.levels, sigma)


def interpolate(values: Tensor, levels: Tensor, wanted: Tensor) -> Tensor:
    """Interpolate values linearly in the logarithm of the level; they are constant beyond the grid.

    Args:
        values: ``(levels, ...)``.
        levels: ``(levels,)``, increasing.
        wanted: ``(batch,)``.

    Returns:
        ``(batch, ...)``.
    """
    log, aim = levels.log(), wanted.to(levels).log()
    upper = torch.searchsorted(log, aim).clamp(1, len(log) - 1)
    share = ((aim - log[upper - 1]) / (log[upper] - log[upper - 1])).clamp(0, 1)
    share = share.to(values).view(-1, *[1] * (values.ndim - 1))
    return torch.lerp(values[upper - 1], values[upper], share)
