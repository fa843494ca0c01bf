r"""Exact covariance of a Gaussian window and its observations by operators, without sampling.

For jointly normal x and x' of standard deviations a, a' and correlation r, and normalised Hermite
coefficients alpha_n = E[h(a z) He_n(z)] / sqrt(n!), Mehler's formula gives

.. math:: \mathrm{Cov}[h(x), g(x')] = \sum_{n \ge 1} \alpha_n \beta_n r^n ,

so that the covariance function of a homogeneous field gives that of an elementwise operator of it.
A translation-invariant operator multiplies by its transfer function.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...observations.operators import Elementwise, Operator, Spectral
from ..covariance import SpectralCovariance

ORDER = 40
"""Terms of Mehler's series; the remaining variance is added as white noise."""


def augmented_covariance(cov: SpectralCovariance, operators: Sequence[Operator]) -> Tensor:
    """Covariance of a zero-mean Gaussian window and of the outputs of operators.

    Args:
        cov: covariance of the window, (time, lev).
        operators: each elementwise and odd, or translation invariant.

    Returns:
        Complex128 matrices ``(ny, nx//2 + 1, c, c)`` for c = time x total fields, the state's lev
        channels first at each step.

    Raises:
        InputError: for an operator of another kind.
    """
    curved = [h for h in operators if isinstance(h, Elementwise) and not h.linear]
    matrices = _features(cov, curved)
    rows = [
        G @ M @ G.mH for G, M in zip(_maps(cov, operators, curved), matrices, strict=True)
    ]
    found = torch.stack(rows)
    return (found + found.mH) / 2


def _features(cov: SpectralCovariance, curved: Sequence[Elementwise]) -> Tensor:
    """Covariance of (x, h_1(x), h_2(x), ...), ``(ny, nx//2 + 1, F c, F c)``."""
    C = cov.matrices.to(torch.complex128)
    kernel = torch.fft.irfft2(C.permute(2, 3, 0, 1), s=cov.grid)
    std = torch.diagonal(kernel[..., 0, 0]).sqrt()
    correlation = kernel / (std[:, None] * std)[..., None, None]
    series = [_linear(std), *(_hermite(h, std) for h in curved)]
    rows = [torch.cat([_mehler(a, b, correlation) for b, _ in series], 1) for a, _ in series]
    joint = torch.cat(rows)
    joint.diagonal()[0, 0] += torch.cat([left for _, left in series])
    return torch.fft.rfft2(joint).permute(2, 3, 0, 1)


def _linear(std: Tensor) -> tuple[Tensor, Tensor]:
    """Hermite coefficients ``(fields, ORDER)`` of the identity, and its remainder, zero."""
    alpha = std.new_zeros(len(std), ORDER)
    alpha[:, 0] = std
    return alpha, torch.zeros_like(std)


def _hermite(operator: Elementwise, std: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients 1 to ORDER of each field, and the remaining variance."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(150)
    z, w = torch.from_numpy(nodes).to(std), torch.from_numpy(weights / weights.sum()).to(std)
    values = operator((std[:, None] * z)[..., None, None])[..., 0, 0]
    if (values @ w).abs().max() > 1e-9:
        raise _unfit_operator(operator)
    terms, before, current = [], torch.zeros_like(z), torch.ones_like(z)
    for n in range(1, ORDER + 1):
        before, current = current, (z * current - (n - 1) ** 0.5 * before) / n**0.5
        terms.append(values @ (w * current))
    alpha = torch.stack(terms, -1)
    return alpha, ((values**2) @ w - (alpha**2).sum(-1)).clamp(min=0)


def _mehler(alpha: Tensor, beta: Tensor, correlation: Tensor) -> Tensor:
    """Mehler's series of two features, ``(c, c, ny, nx)``, by Horner's rule."""
    total = torch.zeros_like(correlation)
    for n in reversed(range(alpha.shape[1])):
        total += (alpha[:, None, n] * beta[None, :, n])[..., None, None]
        total *= correlation
    return total


def _maps(
    cov: SpectralCovariance, operators: Sequence[Operator], curved: Sequence[Elementwise]
) -> Tensor:
    """Maps from the features to the augmented window, ``(ny, nx//2 + 1, time x total, F c)``."""
    time, lev = cov.fields
    ny, nx = cov.grid
    channels = torch.cat([_rows(h, cov, curved) for h in (None, *operators)], dim=-3)
    eye = torch.eye(time, dtype=channels.dtype)
    G = torch.einsum("tu,lkmfj->lktmfuj", eye, channels)
    return G.reshape(ny, nx // 2 + 1, -1, (1 + len(curved)) * time * lev)


def _rows(
    operator: Operator | None, cov: SpectralCovariance, curved: Sequence[Elementwise]
) -> Tensor:
    """Maps from the features of one step to a channel, ``(l, k, channel, feature, lev)``."""
    lev, (ny, nx) = cov.fields[1], cov.grid
    feature, transfer = 0, torch.eye(lev, dtype=torch.complex128)[:, :, None, None]
    if isinstance(operator, Spectral):
        transfer = _real_field_part(operator.transfer().to(torch.complex128), nx)
    elif operator in curved:
        feature = 1 + curved.index(operator)
    elif operator is not None and not isinstance(operator, Elementwise):
        raise _unfit_operator(operator)
    rows = torch.zeros(ny, nx // 2 + 1, len(transfer), 1 + len(curved), lev, dtype=torch.complex128)
    rows[:, :, :, feature] = transfer.permute(2, 3, 0, 1)
    return rows


def _real_field_part(transfer: Tensor, nx: int) -> Tensor:
    """Hermitian part in the columns that are their own mirror images, as a real field has."""
    mirrored = torch.roll(transfer.flip(-2), 1, dims=-2).conj()
    own = torch.zeros(nx // 2 + 1, dtype=torch.bool)
    own[0], own[-1] = True, own[-1] | (nx % 2 == 0)
    return torch.where(own, (transfer + mirrored) / 2, transfer)


def _unfit_operator(operator: Operator) -> InputError:
    name = type(operator).__name__.lower()
    return InputError(
        "operator", name, "must be translation invariant, or elementwise and odd",
        "Leave it out of the augmented prior.",
    )
