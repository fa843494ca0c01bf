r"""A window given data, with the covariance that the denoiser itself has about it.

By Tweedie's formula the covariance of a window given its noisy version x_s is V = s^2 dD/dx at x_s.
It moves with the flow, which a covariance per wavenumber cannot. With the data linearised about the
denoised window D,

.. math::
    (R + \Omega + J V J^T) \, a = y - \bar h , \qquad \hat x = D + V J^T a

is solved by flexible conjugate gradients. Each iteration costs one backpropagation through the
denoiser; the preconditioner is the whole solve with the tabulated covariance C_s in place of V, so
that one or two iterations do.

References:
    | Rozet et al. (arXiv 2405.13712): the covariance by Tweedie's formula; there without
      preconditioner, and linearised without regard to the uncertainty of D
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..priors.spectral import SpectralCovariance
from .base import Problem
from .linearise import linearise
from .solve import conjugate_gradients

TINY = 1e-30

TRUST = 5.0
"""How much farther than the tabulated covariance the denoiser's own may move a window."""

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Rows:
    """What is known about a window besides D, as linear rows ``(members, rows)``.

    Args:
        innovation: data minus what D lets expect.
        error: variance of each row's error, that of the linearisation included.
        signal: variance of each row under the tabulated covariance.
        forward: from windows to rows.
        adjoint: from rows to windows.
    """

    innovation: Tensor
    error: Tensor
    signal: Tensor
    forward: Map
    adjoint: Map


def observed(problem: Problem, clean: Tensor, at: Tensor, cov: SpectralCovariance) -> Rows:
    """The observations, linearised about N(at, cov), for windows that are expected at ``clean``."""
    network = problem.network
    lin = linearise(network, at, cov)
    error = network.variance(like=clean) + lin.excess
    innovation = problem.data - lin.mean - lin.forward(clean - at)
    shape = innovation.shape
    return Rows(innovation, error.expand(shape), lin.signal.expand(shape), lin.forward, lin.adjoint)


def background(problem: Problem, clean: Tensor, cov: SpectralCovariance) -> Rows:
    """The background, a row for every cell of step 0."""
    assert problem.background is not None
    first = clean[:, 0]
    state, std = problem.background.state, problem.background.std

    def adjoint(a: Tensor) -> Tensor:
        window = torch.zeros_like(clean)
        window[:, 0] = a.view_as(first)
        return window

    innovation = (state - first).flatten(1)
    return Rows(
        innovation, torch.full_like(innovation, std**2),
        cov.variance()[0].expand_as(first).flatten(1), lambda x: x[:, 0].flatten(1), adjoint,
    )


def stacked(parts: list[Rows]) -> Rows:
    """All rows of the parts."""
    sizes = [part.innovation.shape[-1] for part in parts]

    def adjoint(a: Tensor) -> Tensor:
        pieces = zip(parts, a.split(sizes, -1), strict=True)
        return torch.stack([part.adjoint(piece) for part, piece in pieces]).sum(0)

    return Rows(
        innovation=torch.cat([part.innovation for part in parts], -1),
        error=torch.cat([part.error for part in parts], -1),
        signal=torch.cat([part.signal for part in parts], -1),
        forward=lambda x: torch.cat([part.forward(x) for part in parts], -1),
        adjoint=adjoint,
    )


def moved(
    rows: Rows, V: Map, C: SpectralCovariance, iterations: int, inner: int
) -> Tensor:
    """V J^T a, the way from D to the posterior mean, by flexible conjugate gradients.

    A network's Jacobian is a covariance only nearly. Where a direction has no variance, or the way
    would exceed :data:`TRUST` times that of C, a member keeps the way it had, at first that of C.

    Args:
        rows: what is known.
        V: the covariance of the window, applied to windows.
        C: the tabulated covariance.
        iterations: each applies V once.
        inner: conjugate-gradient iterations of each preconditioning.
    """
    residual = rows.innovation
    way = reach = direction = before = slope = torch.zeros(())
    for k in range(iterations):
        z = solved(rows, C, residual, inner)
        if k == 0:
            way = C(rows.adjoint(z))
            reach = TRUST * _length(way)
        else:
            z = z + _dot(z, residual - before) / slope.clamp(min=TINY) * direction
        direction, before = z, residual
        slope = _dot(direction, residual)
        pulled = V(rows.adjoint(direction))
        seen = rows.error * direction + rows.forward(pulled)
        curvature = _dot(direction, seen)
        step = slope / curvature.clamp(min=TINY)
        further = step[..., None, None, None] * pulled + (way if k else 0)
        kept = (curvature > 0) & (_length(further) <= reach)
        way = torch.where(kept[..., None, None, None], further, way)
        residual = torch.where(kept, residual - step * seen, 0.0)
    return way


def solved(rows: Rows, C: SpectralCovariance, residual: Tensor, iterations: int) -> Tensor:
    """(R + Omega + J C J^T)^{-1} times a residual, with the tabulated covariance."""
    return conjugate_gradients(
        lambda a: rows.error * a + rows.forward(C(rows.adjoint(a))), residual,
        iterations=iterations, preconditioner=1 / (rows.error + rows.signal),
    )


def _length(windows: Tensor) -> Tensor:
    return windows.flatten(1).norm(dim=1, keepdim=True)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1, keepdim=True)
