"""Preconditioned conjugate gradients, one independent system per row."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def conjugate_gradients(
    A: Callable[[Tensor], Tensor],
    b: Tensor,
    *,
    preconditioner: Tensor,
    iterations: int,
    start: Tensor | None = None,
    tolerance: float = 0.0,
) -> Tensor:
    """Solve A x = b for symmetric positive definite A, ``(rows, m)``.

    Scalars per row, and rows that stop on their own, keep each row independent of the others.

    Args:
        A: matrix-vector product on ``(rows, m)``.
        b: right-hand sides.
        preconditioner: approximate inverse of the diagonal, ``(rows, m)``.
        iterations: number of iterations, at most.
        start: first guess; zero by default.
        tolerance: a row stops once its residual, in the norm of the preconditioner, is so small
            relative to the first; 0 for all iterations.
    """
    x = torch.zeros_like(b) if start is None else start
    r = b if start is None else b - A(start)
    z = preconditioner * r
    p, rz = z, dot(r, z)
    tiny = torch.finfo(b.dtype).tiny
    enough = tolerance**2 * rz
    for _ in range(iterations):
        if tolerance and not (rz > enough).any():
            break
        Ap = A(p)
        step = rz / dot(p, Ap).clamp(min=tiny)
        if tolerance:
            step = torch.where(rz > enough, step, 0.0)
        x, r = x + step * p, r - step * Ap
        z = preconditioner * r
        rz, previous = dot(r, z), rz
        p = z + rz / previous.clamp(min=tiny) * p
    return x


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of rows, ``(rows, 1)``."""
    return (a * b).sum(-1, keepdim=True)
