"""Large states in blocks of cells, for samplers in which no cell knows of another.

Where the observations act value by value and the score is that of one's own forecast, a diffusion
of the whole state is one of every cell. Block by block the working memory is that of some blocks,
which stay in the cache of a core, whatever the size of the state.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ...interruption import check_interruption
from ...observations import ObservingNetwork
from ...observations.operators import Elementwise
from ...random import MemberStreams
from ...runtime import in_threads
from .base import Likelihood

BLOCK = 8192
"""Cells of a block. It is part of the method: every block has randomness of its own."""

Sample = Callable[[Tensor, Likelihood, MemberStreams], Tensor]
"""From forecasts ``(..., N, lev, y, x)``, likelihood and randomness to the analysis, same shape."""

Piece = tuple[slice, Likelihood, MemberStreams]


def acts_by_value(network: ObservingNetwork) -> bool:
    """True if all operators of a network act on every value by itself."""
    return all(isinstance(i.operator, Elementwise) for i in network.instruments)


def sample_in_blocks(
    sample: Sample, x: Tensor, likelihood: Likelihood, streams: MemberStreams, block: int = BLOCK
) -> Tensor:
    """An analysis whose cells are independent, some blocks at a time.

    It does not depend on how many threads there are.

    Args:
        sample: draws the analysis of some cells, which it takes for one row.
        x: forecasts ``(..., N, lev, y, x)``; a state of one block is left as it is.
        likelihood: of the observations, which act value by value.
        streams: randomness, one stream per member.
        block: cells of a block.
    """
    if math.prod(x.shape[-2:]) <= block:
        return sample(x, likelihood, streams)
    row = x.flatten(-2).unsqueeze(-2)
    found = torch.empty_like(row, memory_format=torch.contiguous_format)

    def work(piece: Piece) -> None:
        here, seen, own = piece
        found[..., here] = sample(row[..., here], seen, own)

    for _ in in_threads(work, _pieces(row.shape[-1], likelihood, streams, block)):
        check_interruption()
    return found.squeeze(-2).unflatten(-1, x.shape[-2:])


def _pieces(
    cells: int, likelihood: Likelihood, streams: MemberStreams, block: int
) -> list[Piece]:
    cut = likelihood.network.cut(likelihood.data, block)
    return [
        (slice(start, start + block), Likelihood(network, data, likelihood.system), own)
        for (start, network, data), own in zip(
            cut, streams.branches(-(-cells // block)), strict=True
        )
    ]
