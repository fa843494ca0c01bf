r"""Covariances of longer windows, by the Markov property.

Of all processes whose windows of L states have the covariance C, the one of greatest entropy is
Gaussian and Markov of order L - 1: every further state depends on the L - 1 states before it alone,
in the way in which the last state of a window depends on the others,

.. math::
    x_t = A \, (x_{t-L+1}, \dots, x_{t-1}) + e, \qquad
    A = C_{fp} C_{pp}^{-1}, \quad \mathrm{Cov}[e] = C_{ff} - A C_{pf} ,

with f the last state and p those before it, wavenumber by wavenumber. It is exact for a Gaussian
process that is Markov of that order, such as linear dynamics with noise.

References:
    | Burg, Maximum entropy spectral analysis (1975)
    | Dempster, Covariance selection (1972): the extension as the one with a sparse inverse
"""

from __future__ import annotations

import torch
from torch import Tensor

RIDGE = 1e-13
"""Variance added to the states before, relative to their mean, in case they are degenerate."""


def extend(matrices: Tensor, lev: int, steps: int) -> Tensor:
    """Extend the covariance of windows to longer windows.

    The covariance of the first states stays as it is. An estimate from a finite number of windows
    is never quite stationary: a further state whose variance would exceed that of the last state of
    a window is scaled down to it, so that variances cannot grow with the length.

    Args:
        matrices: C(k), complex ``(ny, nx//2 + 1, c, c)``, with c = states x ``lev``.
        lev: fields of a state.
        steps: states of the longer windows, at least those of a window.

    Returns:
        Complex128 matrices ``(ny, nx//2 + 1, steps lev, steps lev)``, Hermitian and positive.
    """
    C = matrices.to(torch.complex128)
    c, total = C.shape[-1], steps * lev
    A, rest = _regression(C, lev)
    longer = C.new_zeros(*C.shape[:-2], total, total)
    longer[..., :c, :c] = C
    for start in range(c, total, lev):
        _append(longer, A, rest, start)
    return longer


def _regression(C: Tensor, lev: int) -> tuple[Tensor, Tensor]:
    """Regress the last state on those before it: coefficients and covariance of the rest."""
    past = C[..., :-lev, :-lev]
    size = past.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
    eye = torch.eye(past.shape[-1], dtype=C.dtype, device=C.device)
    A = torch.linalg.solve(past + RIDGE * size * eye, C[..., :-lev, -lev:]).mH
    return A, C[..., -lev:, -lev:] - A @ C[..., :-lev, -lev:]


def _append(longer: Tensor, A: Tensor, rest: Tensor, start: int) -> None:
    """Fill in the rows and columns of one further state, from row ``start`` on."""
    lev, order = A.shape[-2:]
    end = start + lev
    cross = A @ longer[..., start - order : start, :start]
    own = cross[..., start - order :] @ A.mH + rest
    before = longer[..., order : order + lev, order : order + lev]
    scale = (_trace(before) / _trace(own).clamp(min=1e-300)).clamp(max=1.0)
    cross = scale.sqrt() * cross
    longer[..., start:end, :start], longer[..., :start, start:end] = cross, cross.mH
    longer[..., start:end, start:end] = scale * (own + own.mH) / 2


def _trace(matrices: Tensor) -> Tensor:
    """Traces of Hermitian matrices, with two axes of length 1."""
    return matrices.diagonal(dim1=-2, dim2=-1).real.sum(-1)[..., None, None]
