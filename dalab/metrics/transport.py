r"""Wasserstein distances between two ensembles.

Members x_1, ..., x_N and y_1, ..., y_M are equally probable points. The distance of order 2 is

.. math:: W_2^2 = \min_{P} \sum_{i, j} P_{ij} \, |x_i - y_j|^2 , \qquad
    \sum_j P_{ij} = \tfrac1N , \quad \sum_i P_{ij} = \tfrac1M , \quad P_{ij} \ge 0 ,

the least root mean square way by which one ensemble can be moved into the other. It is in the units
of the states, 0 for equal ensembles, and it sees everything: means, spreads, tails and modes. Where
M is a multiple of N it is an assignment of every y to one of M / N copies of an x, and is solved
exactly as one. The sliced distance is the root of the mean of W_2^2 over directions on which both
ensembles are projected, where sorting is exact; it is about :math:`d^{-1/2}` times the other one in
d dimensions.

Two ensembles drawn from the same distribution are not at distance 0, the less so the fewer members
they have: compare numbers of the same N and M only.

References:
    | Peyré and Cuturi, Computational optimal transport (2019)
    | Crouse, On implementing 2D rectangular assignment algorithms (2016): the solver of SciPy
    | Bonneel et al., Sliced and Radon Wasserstein barycenters (2015)
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

LARGEST = 2000
"""Most members of an ensemble whose distance in several dimensions is computed exactly."""

DIMENSIONS = 4096
"""Most numbers of a state for which it is."""

DIRECTIONS = 100
"""Directions of the sliced distance."""


def w2(x: Tensor, y: Tensor) -> Tensor:
    """Distance W2 of ensembles, ``(repeats,)``, float64.

    Args:
        x: members ``(repeats, N, d)``; for d > 1 at most ``LARGEST``.
        y: members ``(repeats, M, d)``; for d > 1 only k N of them are used, at equal distances,
            where k N is the largest multiple of N that does not exceed M.

    Returns:
        NaN for ensembles that are not finite, or too large.
    """
    N, d = x.shape[-2:]
    if d == 1:
        return _whole(_sorted_distance(x, y), x, y).sqrt()
    if N > min(LARGEST, y.shape[-2]) or d > DIMENSIONS:
        return torch.full(x.shape[:1], torch.nan, dtype=torch.float64)
    used = spaced(y, y.shape[-2] // N * N)
    squares = [_assigned(a, b) for a, b in zip(x.double().cpu(), used.double().cpu(), strict=True)]
    return torch.tensor(squares, dtype=torch.float64).sqrt()


def sliced_w2(x: Tensor, y: Tensor) -> Tensor:
    """Sliced distance over ``DIRECTIONS`` fixed directions, ``(repeats,)``, float64.

    Args:
        x: members ``(repeats, N, d)``.
        y: members ``(repeats, M, d)``.

    Returns:
        NaN for ensembles that are not finite.
    """
    along = directions(x.shape[-1]).to(x.device)
    found = _sorted_distance(x.double() @ along, y.to(x.device).double() @ along)
    return _whole(found, x, y).sqrt()


def spaced(members: Tensor, count: int) -> Tensor:
    """At most ``count`` of members ``(repeats, N, ...)``, at equal distances in their order."""
    N = members.shape[1]
    if count >= N:
        return members
    return members[:, torch.arange(count, device=members.device) * N // count]


def directions(d: int) -> Tensor:
    """Independent random directions, the same ones every time, ``(d, DIRECTIONS)``; 1 for d = 1."""
    if d == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    normal = torch.randn(
        d, DIRECTIONS, generator=torch.Generator().manual_seed(d), dtype=torch.float64
    )
    return normal / normal.norm(dim=0)


def _assigned(x: Tensor, y: Tensor) -> float:
    """Squared distance of ``(N, d)`` from ``(k N, d)``."""
    if not (x.isfinite().all() and y.isfinite().all()):
        return math.nan
    costs = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()
    if len(x) == 1:
        return float(costs.mean())
    copies = np.repeat(costs.numpy(), len(y) // len(x), axis=0)
    least = copies - copies.min(0)  # the same assignment, found two or three times as fast
    rows, columns = linear_sum_assignment(least - least.min(1, keepdims=True))
    return float(copies[rows, columns].mean())


def _sorted_distance(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared distance along every axis, ``(repeats,)``, from the quantile functions.

    Args:
        x: ``(repeats, N, axes)``.
        y: ``(repeats, M, axes)``.
    """
    a, b = x.double().sort(1).values, y.to(x.device).double().sort(1).values
    i, j, shares = _common_steps(x.shape[1], y.shape[1])
    gaps = (a[:, i] - b[:, j]).square().mean(-1)
    return gaps @ torch.from_numpy(shares).to(gaps)


def _common_steps(N: int, M: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Members of both that lie at the same probability, and the share of each such pair."""
    edges = np.unique(np.concatenate([np.arange(N + 1) * M, np.arange(M + 1) * N]))
    starts = edges[:-1]
    return starts // M, starts // N, np.diff(edges) / (N * M)


def _whole(distances: Tensor, *ensembles: Tensor) -> Tensor:
    """Distances with NaN where a member is not finite, on the CPU."""
    for x in ensembles:
        finite = x.isfinite().flatten(1).all(1).to(distances.device)
        distances = distances.where(finite, torch.nan)
    return distances.cpu()
