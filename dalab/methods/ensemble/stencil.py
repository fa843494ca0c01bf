r"""Tapered sample covariances of observed or gridded numbers, as stencils of neighbours.

The taper has a bounded support, so every row of

.. math:: S = \rho \circ \frac{A^T A}{N - 1}

has few entries. They are gathered once and multiplied often. Where the support is small this is
many times cheaper than the convolutions of :mod:`dalab.methods.ensemble.localisation`, and the same
to rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

from .localisation import Taper

LARGEST = 4_000_000
"""Entries up to which a stencil is cheaper than convolutions, and small beside an ensemble."""


class Stencil:
    """Matrix S, one for each repeat.

    Args:
        anomalies: A, ``(..., N, size)``.
        numbers: which of 1 to ``size`` stands at a place of the grid, 0 where none does,
            ``(channels, y, x)``.
        where: localisation.
    """

    def __init__(self, anomalies: Tensor, numbers: Tensor, where: Taper) -> None:
        near, rho = neighbours(numbers, where)
        A = pad(anomalies.reshape(-1, *anomalies.shape[-2:]), (1, 0))
        weights = A.new_zeros(len(A), *near.shape)
        for member in A.unbind(1):  # N copies never stand in memory together
            weights += member[:, 1:, None] * member[:, near]
        self.weights = (weights * rho.to(A) / (A.shape[1] - 1)).flatten(0, 1)
        first = torch.arange(len(A), device=near.device)[:, None, None] * A.shape[-1]
        self.near = (near + first).flatten(0, 1)

    def __call__(self, v: Tensor) -> Tensor:
        """Apply S to ``(..., K, size)``."""
        values = pad(v, (1, 0)).mT.contiguous()
        product = embedding_bag(
            self.near, values.flatten(0, -2), per_sample_weights=self.weights, mode="sum"
        )
        return product.reshape(v.mT.shape).mT


def neighbours(numbers: Tensor, where: Taper) -> tuple[Tensor, Tensor]:
    """Numbers within the support of the taper around each, ``(size, n)``, and rho, ``(n,)``."""
    _, ny, nx = numbers.shape
    dy, dx = where.weights.nonzero(as_tuple=True)
    place = numbers.flatten().argsort()[-int((numbers > 0).sum()) :, None]
    near = numbers[:, (place // nx + dy) % ny, (place + dx) % nx]
    return near.movedim(0, -1).flatten(1), where.weights[dy, dx].repeat_interleave(len(numbers))


def is_small(numbers: Tensor, where: Taper) -> bool:
    """True if a stencil is cheaper than convolutions; arguments as for :class:`Stencil`."""
    support = where.weights.count_nonzero() * len(numbers)
    return int((numbers > 0).sum() * support) <= LARGEST
