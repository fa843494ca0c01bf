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
) -> Tensor:
    """Solve A x = b for symmetric positive definite A, ``(rows, m)``.

    A fixed number of iterations, with scalars per row, keeps each row independent of the others.

    Args:
        A: matrix-vector product on ``(rows, m)``.
        b: right-hand sides.
        preconditioner: approximate inverse of the diagonal, ``(rows, m)``.
        iterations: number of iterations.
        start: first guess; zero by default.
    """
    x = torch.zeros_like(b) if start is None else start
    r = b if start is None else b - A(start)
    z = preconditioner * r
    p, rz = z, dot(r, z)
    tiny = torch.finfo(b.dtype).tiny
    for _ in range(iterations):
        Ap = A(p)
        step = rz / dot(p, Ap).clamp(min=tiny)
        x, r = x + step * p, r - step * Ap
        z = preconditioner * r
        rz, previous = dot(r, z), rz
        p = z + rz / previous.clamp(min=tiny) * p
    return x


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of rows, ``(rows, 1)``."""
    return (a * b).sum(-1, keepdim=True)
