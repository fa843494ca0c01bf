r"""L-BFGS for many independent minimisations at once, as a generator.

Every row has its own curvature pairs (s, y), its own line search and its own progress; they share
only the calls of the objective, which are batched. The direction is the two-loop recursion; the
line search brackets a step that decreases the objective enough and raises the slope enough (weak
Wolfe conditions), so that s . y > 0, by doubling and halving.

References:
    | Nocedal and Wright, Numerical Optimization (2006), algorithm 7.4
    | Lewis and Overton (2013), algorithm 2.6: the line search
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From points ``(k, d)`` and the indices ``(k,)`` of their rows to values ``(k,)`` and gradients
``(k, d)``, all float64."""

DECREASE, CURVATURE, TRIALS = 1e-4, 0.9, 12


@dataclass(frozen=True)
class Iterate:
    """State of the minimisations.

    Args:
        v: points ``(rows, d)``.
        value: objective there, ``(rows,)``.
        gradient: its gradient, ``(rows, d)``.
    """

    v: Tensor
    value: Tensor
    gradient: Tensor


def lbfgs(objective: Objective, start: Tensor, iterations: int, memory: int) -> Iterator[Iterate]:
    """Yield an :class:`Iterate` after each iteration, always ``iterations`` of them.

    A row whose search finds no better point forgets its pairs and goes on from steepest descent.

    Args:
        objective: function to minimise.
        start: first points ``(rows, d)``.
        iterations: iterations.
        memory: curvature pairs kept.
    """
    now = Iterate(start, *objective(start, torch.arange(len(start), device=start.device)))
    pairs: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=memory)
    for _ in range(iterations):
        fresh = torch.stack([rho for *_, rho in pairs]).eq(0).all(0) if pairs else True
        direction = -two_loop(now.gradient, pairs)
        size = torch.where(torch.as_tensor(fresh), 1 / _norm(now.gradient).clamp(min=1), 1.0)
        following = line_search(objective, now, direction, size)
        s, y = following.v - now.v, following.gradient - now.gradient
        curvature = _dot(s, y)
        stuck = (s == 0).all(-1)
        pairs = deque(((s_, y_, rho.where(~stuck, 0.0)) for s_, y_, rho in pairs), maxlen=memory)
        pairs.append((s, y, torch.where(curvature > 0, 1 / curvature, 0.0)))
        now = following
        yield now


def two_loop(gradient: Tensor, pairs: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Approximate inverse Hessian times gradients ``(rows, d)``.

    Args:
        gradient: gradients.
        pairs: (s, y, 1 / s.y), oldest first; rows where the last is zero do not count.
    """
    q, alphas, scale = gradient, [], torch.ones_like(gradient[:, :1])
    for s, y, rho in reversed(pairs):
        alphas.append((rho * _dot(s, q))[:, None])
        q = q - alphas[-1] * y
    for s, y, rho in pairs:
        newest = (rho > 0)[:, None]
        scale = torch.where(newest, (_dot(s, y) / _dot(y, y).clamp(min=1e-300))[:, None], scale)
    q = q * scale
    for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        q = q + (alpha - (rho * _dot(y, q))[:, None]) * s
    return q


def line_search(objective: Objective, start: Iterate, direction: Tensor, size: Tensor) -> Iterate:
    """Find points along ``direction`` that satisfy the weak Wolfe conditions, row by row.

    Values within rounding of the start count as decreased. A row for which no such point is found
    takes the last one that decreased, or stays.

    Args:
        objective: function to minimise.
        start: iterate to start from.
        direction: descent directions ``(rows, d)``.
        size: first step, ``(rows,)``.
    """
    best = Iterate(start.v.clone(), start.value.clone(), start.gradient.clone())
    slope = _dot(start.gradient, direction)
    rounding = 1e-9 * start.value.abs()
    low, high = torch.zeros_like(size), torch.full_like(size, torch.inf)
    rows = (slope < 0).nonzero().squeeze(-1)
    for _ in range(TRIALS):
        if not len(rows):
            break
        v = start.v[rows] + size[rows, None] * direction[rows]
        value, gradient = objective(v, rows)
        allowed = start.value[rows] + DECREASE * size[rows] * slope[rows] + rounding[rows]
        decreased = value <= allowed  # false of NaN too
        settled = _dot(gradient, direction[rows]) >= CURVATURE * slope[rows]
        good = rows[decreased]
        best.v[good], best.value[good] = v[decreased], value[decreased]
        best.gradient[good] = gradient[decreased]
        low[good] = size[good]
        high[rows[~decreased]] = size[rows[~decreased]]
        rows = rows[~(decreased & settled)]
        size = torch.where(high < torch.inf, (low + high) / 2, 2 * low.maximum(size))
    return best


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)


def _norm(a: Tensor) -> Tensor:
    return _dot(a, a).sqrt()
