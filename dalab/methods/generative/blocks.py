"""Large states in blocks of cells, for samplers in which no cell knows of another.

Where the observations act value by value and the score is that of one's own forecast, a diffusion
of the whole state is one of every cell. Block after block the working memory is that of a block,
which stays in the cache of a core, whatever the size of the state.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ...interruption import check_interruption
from ...observations import ObservingNetwork
from ...observations.operators import Elementwise
from .base import Likelihood

BLOCK = 8192
"""Cells of a block. It is part of the method: a block draws its randomness after the one before."""

Sample = Callable[[Tensor, Likelihood], Tensor]
"""From forecasts ``(..., N, lev, y, x)`` and their likelihood to the analysis, same shape."""


def acts_by_value(network: ObservingNetwork) -> bool:
    """True if all operators of a network act on every value by itself."""
    return all(isinstance(i.operator, Elementwise) for i in network.instruments)


def sample_in_blocks(
    sample: Sample, x: Tensor, likelihood: Likelihood, block: int = BLOCK
) -> Tensor:
    """An analysis whose cells are independent, block by block.

    Args:
        sample: draws the analysis of some cells, which it takes for one row.
        x: forecasts ``(..., N, lev, y, x)``; a state of one block is left as it is.
        likelihood: of the observations, which act value by value.
        block: cells of a block.
    """
    cells = math.prod(x.shape[-2:])
    if cells <= block:
        return sample(x, likelihood)
    row, found = x.flatten(-2).unsqueeze(-2), torch.empty_like(x.flatten(-2)).unsqueeze(-2)
    network, data = likelihood.network, likelihood.data
    for start, part, seen in network.cut(data, block):
        check_interruption()
        here = slice(start, start + block)
        found[..., here] = sample(row[..., here], Likelihood(part, seen, likelihood.system))
    return found.squeeze(-2).unflatten(-1, x.shape[-2:])
