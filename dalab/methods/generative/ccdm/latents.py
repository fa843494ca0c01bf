"""Random numbers of the samplers: latent normal numbers and kernels drawn, or strata of both."""

from __future__ import annotations

import torch
from torch import Tensor

from ....random import MemberStreams
from ...ensemble.particle import multinomial_indices, systematic_indices


def normal_latents(d: int, streams: MemberStreams, stratified: bool) -> Tensor:
    """Standard normal numbers ``(N, d)``.

    Args:
        d: coordinates.
        streams: randomness, one stream per member.
        stratified: true if the numbers of every coordinate are quantiles, in random order.
    """
    normal = streams.normal((d,))
    if not stratified:
        return normal
    rank = normal.argsort(0).argsort(0)
    p = (rank.double() + 0.5) / len(normal)
    return torch.special.ndtri(p).to(normal)


def kernels_drawn(log_weights: Tensor, streams: MemberStreams, stratified: bool) -> Tensor:
    """Indices of kernels drawn by their weights, in order, ``(N,)``."""
    choose = systematic_indices if stratified else multinomial_indices
    return choose(log_weights, streams)
