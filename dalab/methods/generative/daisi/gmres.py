"""Generalised minimal residuals, one independent system per row."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...gaussian.cg import dot

Apply = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Map from rows x to A x, and to some other linear function of x that comes with it."""


def gmres(A: Apply, b: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Solve A x = b for any A, ``(rows, m)``; no row knows of the others.

    Every iteration takes the step along a new direction, made orthogonal to those before, that
    leaves the smallest residual. The first is <b, A b> / <A b, A b> times b. What A gives beside
    the product is carried along, so that it need not be evaluated at the solution again.

    Args:
        A: gives A x, ``(rows, m)``, and another linear function L x, ``(rows, ...)``.
        b: right-hand sides.
        iterations: number of iterations.

    Returns:
        x and L x.

    References:
        | Eisenstat, Elman and Schultz (1983): generalised conjugate residuals, the same iterates
    """
    tiny = torch.finfo(b.dtype).tiny
    x, residual, other = torch.zeros_like(b), b, None
    basis: list[tuple[Tensor, Tensor, Tensor]] = []
    for _ in range(iterations):
        p = residual
        q, l = A(p)
        for before_p, before_q, before_l in basis:
            c = dot(q, before_q) / dot(before_q, before_q).clamp(min=tiny)
            p, q, l = p - c * before_p, q - c * before_q, l - _shaped(c, l) * before_l
        basis.append((p, q, l))
        step = dot(residual, q) / dot(q, q).clamp(min=tiny)
        x, residual = x + step * p, residual - step * q
        moved = _shaped(step, l) * l
        other = moved if other is None else other + moved
    assert other is not None
    return x, other


def _shaped(c: Tensor, like: Tensor) -> Tensor:
    """Numbers of rows ``(rows, 1)``, to be multiplied with ``(rows, ...)``."""
    return c.view(-1, *[1] * (like.ndim - 1))
