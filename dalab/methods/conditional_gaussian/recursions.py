r"""Recursions of a conditional Gaussian system: filter, path likelihood, smoother, backward draws.

Given the path of the resolved variables u, the increment u' - u observes the hidden v. With the law
of a time step (:class:`~dalab.systems.conditional_gaussian.base.Coefficients`),

.. math::
    e = u' - u - f - H m , \quad \Sigma = H R H^T + S_1 S_1^T , \quad
    X = F R H^T + S_2 S_1^T , \quad K = X \Sigma^{-1} ,

.. math::
    m' = F m + c + K e , \qquad
    R' = (F - K H) R (F - K H)^T + (S_2 - K S_1) (S_2 - K S_1)^T ,

and the path has the log likelihood sum log N(e; 0, Sigma). The covariance is in Joseph's form, with
correlated noises, and stays positive. Backward, with the joint covariance of (u', v') and its
cross-covariance with v,

.. math::
    G = [R H^T, R F^T] , \quad L = G \, \mathrm{Cov}(u', v')^{-1} = [L_e, L_v] ,

.. math::
    v | v', u_{0..n+1} \sim N(m + L_e e + L_v (v' - F m - c), \; R - L G^T) .

All leading axes are batches; every block is a system of its own.

References:
    | Kalman (1960) with correlated noises; Rauch, Tung and Striebel (1965)
    | Liptser and Shiryaev (2001): the limit of short time steps
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...systems.conditional_gaussian.base import Coefficients, Gaussian, apply

Law = Callable[[Tensor, Gaussian], Coefficients]
"""Coefficients of a time step from resolved variables and the law of the hidden ones."""


def innovation(known: Gaussian, law: Coefficients) -> Gaussian:
    """Law of the increment of the resolved variables, ``(..., blocks, d1)``."""
    noise = law.S1 @ law.S1.mT
    return Gaussian(law.f + apply(law.H, known.mean), law.H @ known.cov @ law.H.mT + noise)


def update(known: Gaussian, law: Coefficients, increment: Tensor) -> tuple[Gaussian, Tensor]:
    """Law of the hidden variables a time step later, and the log likelihood of the increment.

    Equations are solved in the space of the resolved or of the hidden variables, whichever are
    fewer; for the latter, S1 must have the rank d1.

    Args:
        known: law before, given the path so far.
        law: of the time step.
        increment: of the resolved variables, ``(..., blocks, d1)``.

    Returns:
        The law after it, and log densities ``(...,)``, summed over blocks.
    """
    resolved, hidden = law.H.shape[-2:]
    return (update_hidden if resolved > hidden else update_resolved)(known, law, increment)


def update_resolved(
    known: Gaussian, law: Coefficients, increment: Tensor
) -> tuple[Gaussian, Tensor]:
    """:func:`update` that solves equations in the space of the resolved variables."""
    e = increment - law.f - apply(law.H, known.mean)
    RH, Q11, Q21 = known.cov @ law.H.mT, law.S1 @ law.S1.mT, law.S2 @ law.S1.mT
    innovations, X = product(law.H, RH) + Q11, law.F @ RH + Q21
    factor = _factor(innovations)
    K = X / innovations if e.shape[-1] == 1 else torch.cholesky_solve(X.mT, factor).mT
    A, shared = law.F - product(K, law.H), product(K, Q21.mT)
    noise = law.S2 @ law.S2.mT - shared - shared.mT + product(product(K, Q11), K.mT)
    cov = A @ known.cov @ A.mT + noise
    mean = apply(law.F, known.mean) + law.c + apply(K, e)
    square = _whiten(factor, e.unsqueeze(-1)).square().sum((-2, -1))
    return Gaussian(mean, (cov + cov.mT) / 2), _log_density(square, e.shape[-1], _log_det(factor))


def update_hidden(
    known: Gaussian, law: Coefficients, increment: Tensor
) -> tuple[Gaussian, Tensor]:
    """:func:`update` that solves equations in the space of the hidden variables.

    The increment in units of its noise, h v + w, is seen first. In the time step after it, the part
    q w of the noise of v is known.
    """
    factor = _factor(law.S1 @ law.S1.mT)
    h, q = _whiten(factor, law.H), _whiten(factor, law.S1 @ law.S2.mT).mT
    e = _whiten(factor, (increment - law.f - apply(law.H, known.mean)).unsqueeze(-1))
    P, log_det = _condition(known.cov, h.mT @ h)
    seen, F = h.mT @ e, law.F - q @ h
    cov = F @ P @ F.mT + law.S2 @ law.S2.mT - q @ q.mT
    mean = apply(law.F, known.mean) + law.c + (F @ (P @ seen) + q @ e).squeeze(-1)
    square = (e.mT @ e - seen.mT @ P @ seen)[..., 0, 0]
    log_density = _log_density(square, e.shape[-2], _log_det(factor) + log_det / 2)
    return Gaussian(mean, (cov + cov.mT) / 2), log_density


def product(a: Tensor, b: Tensor) -> Tensor:
    """Products of matrices, quicker than ``@`` where one has a single column or a single row."""
    if a.shape[-1] == 1:
        return a * b
    if a.shape[-2] == 1 == b.shape[-1]:
        return (a * b.mT).sum(-1, keepdim=True)
    return a @ b


def _condition(R: Tensor, information: Tensor) -> tuple[Tensor, Tensor]:
    """Covariances P = (R^-1 + N)^-1 in Joseph's form, and log det(R) - log det(P).

    Args:
        R: covariances ``(..., d, d)``, which may be singular.
        information: N, ``(..., d, d)``.
    """
    one = torch.eye(R.shape[-1], dtype=R.dtype, device=R.device)
    factors, pivots = torch.linalg.lu_factor(one + information @ R)
    J = torch.linalg.lu_solve(factors, pivots, one.expand_as(factors))
    P = R @ J
    P = J.mT @ P + P @ information @ P.mT
    return P, factors.diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)


def _factor(cov: Tensor) -> Tensor:
    """Lower Cholesky factors."""
    return cov.sqrt() if cov.shape[-1] == 1 else torch.linalg.cholesky(cov)


def _whiten(factor: Tensor, vectors: Tensor) -> Tensor:
    """Columns ``(..., d, n)`` in the units of Cholesky factors."""
    if factor.shape[-1] == 1:
        return vectors / factor
    return torch.linalg.solve_triangular(factor, vectors, upper=False)


def _log_det(factor: Tensor) -> Tensor:
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _log_density(square: Tensor, d: int, log_det: Tensor) -> Tensor:
    """Log densities summed over blocks, from squared norms and half log determinants."""
    return -(square / 2 + d * math.log(2 * math.pi) / 2 + log_det).sum(-1)


def draw_increment(known: Gaussian, law: Coefficients, normal: Tensor) -> Tensor:
    """Increment of the resolved variables with the hidden ones integrated out.

    Args:
        known: law of the hidden variables.
        law: of the time step.
        normal: standard normal numbers, ``(..., blocks, d1)``.
    """
    expected = innovation(known, law)
    return expected.mean + apply(torch.linalg.cholesky(expected.cov), normal)


def draw(known: Gaussian, normal: Tensor) -> Tensor:
    """Hidden variables of their law, from standard normal numbers, both ``(..., blocks, d2)``."""
    return known.mean + apply(root(known.cov), normal)


def root(cov: Tensor) -> Tensor:
    """Square roots of covariances ``(..., d, d)``, which may be singular."""
    values, vectors = torch.linalg.eigh(cov)
    return vectors * values.clamp(min=0).sqrt().unsqueeze(-2)


class Backward(NamedTuple):
    """Law of the hidden variables at a time given those a step later: N(base + L v', cov).

    Attributes:
        base: ``(..., blocks, d2)``.
        L: ``(..., blocks, d2, d2)``.
        cov: ``(..., blocks, d2, d2)``.
    """

    base: Tensor
    L: Tensor
    cov: Tensor


class FilteredPath(NamedTuple):
    """Conditional laws along a path of the resolved variables.

    Attributes:
        laws: law of the hidden variables at every time, given the path up to it.
        backward: backward kernels from every time to the one before, the first one first.
        log_likelihood: of the increments of the path, ``(...,)``.
    """

    laws: list[Gaussian]
    backward: list[Backward]
    log_likelihood: Tensor


def filter_path(law: Law, path: Sequence[Tensor], start: Gaussian) -> FilteredPath:
    """Filter along a path, with the backward kernels that smoothing and draws need.

    Args:
        law: coefficients of the system.
        path: resolved variables at all time steps, each ``(..., blocks, d1)``.
        start: law of the hidden variables at the first of them.
    """
    laws, kernels = [start], []
    total = torch.zeros(path[0].shape[:-2], dtype=path[0].dtype, device=path[0].device)
    for u, ahead in zip(path[:-1], path[1:], strict=True):
        step = law(u, laws[-1])
        kernels.append(backward(laws[-1], step, ahead - u))
        known, log_density = update(laws[-1], step, ahead - u)
        laws.append(known)
        total = total + log_density
    return FilteredPath(laws, kernels, total)


def backward(known: Gaussian, law: Coefficients, increment: Tensor) -> Backward:
    """Backward kernel of a time step; arguments as for :func:`update`."""
    RH, RF = known.cov @ law.H.mT, known.cov @ law.F.mT
    S = torch.cat([law.S1.expand(*RH.shape[:-2], *law.S1.shape[-2:]),
                   law.S2.expand(*RF.shape[:-2], *law.S2.shape[-2:])], -2)
    maps = torch.cat([law.H.expand(*RH.shape[:-2], *law.H.shape[-2:]),
                      law.F.expand(*RF.shape[:-2], *law.F.shape[-2:])], -2)
    G = torch.cat([RH, RF], -1)
    joint = maps @ known.cov @ maps.mT + S @ S.mT
    L = torch.linalg.solve(joint, G.mT).mT
    L_e, L_v = L.split([RH.shape[-1], RF.shape[-1]], -1)
    e = increment - law.f - apply(law.H, known.mean)
    base = known.mean + apply(L_e, e) - apply(L_v, apply(law.F, known.mean) + law.c)
    cov = known.cov - L @ G.mT
    return Backward(base, L_v, (cov + cov.mT) / 2)


def smooth(found: FilteredPath) -> list[Gaussian]:
    """Laws of the hidden variables at every time given the whole path."""
    laws = [found.laws[-1]]
    for kernel in reversed(found.backward):
        later = laws[-1]
        mean = kernel.base + apply(kernel.L, later.mean)
        laws.append(Gaussian(mean, kernel.cov + kernel.L @ later.cov @ kernel.L.mT))
    return laws[::-1]


def draw_backward(found: FilteredPath, normal: Sequence[Tensor]) -> list[Tensor]:
    """A path of the hidden variables given the whole path of the resolved ones.

    Args:
        found: what :func:`filter_path` returns.
        normal: standard normal numbers for every time, each ``(..., blocks, d2)``, which may have
            leading axes of their own for several draws.

    Returns:
        Hidden variables at every time.
    """
    path = [draw(found.laws[-1], normal[-1])]
    for kernel, white in zip(reversed(found.backward), reversed(normal[:-1]), strict=True):
        mean = kernel.base + apply(kernel.L, path[-1])
        path.append(mean + apply(root(kernel.cov), white))
    return path[::-1]
