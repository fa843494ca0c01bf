"""Networks of an autoencoder: two encoders and a decoder on periodic grids.

Fields are cut into patches, and the convolutions work on the grid of these, so that they are wide
and cheap. Along a side of one cell kernels have one cell: on a grid of one cell the convolutions
are dense layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)

PATCH, COARSE = (8, 4, 2), 8
"""Sides of patches, the largest first, and the fewest patches along a side that is cut."""

RING = 2
"""Longest patch on a ring, whose states are seldom smooth."""

DEPTH = 2
"""Blocks of an encoder or of the decoder."""


def patch_of(shape: Sequence[int]) -> tuple[int, int]:
    """Cells along both sides of a patch, by the shape of a state, (lev, y, x)."""
    longest = RING if shape[-2] == 1 else PATCH[0]

    def side(n: int) -> int:
        return next((f for f in PATCH if f <= longest and n % f == 0 and n // f >= COARSE), 1)

    return side(shape[-2]), side(shape[-1])


def coarse_grid(shape: Sequence[int]) -> tuple[int, int]:
    """Patches along both sides."""
    fy, fx = patch_of(shape)
    return shape[-2] // fy, shape[-1] // fx


class PeriodicConv(nn.Conv2d):
    """Convolution with periodic edges.

    Args:
        inputs: channels in.
        outputs: channels out.
        grid: cells along both sides; the kernel has 3, or 1 where there is one.
    """

    def __init__(self, inputs: int, outputs: int, grid: tuple[int, int]) -> None:
        ky, kx = (3 if n > 1 else 1 for n in grid)
        super().__init__(inputs, outputs, (ky, kx))
        self.edges = (kx // 2, kx // 2, ky // 2, ky // 2)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.edges, mode="circular"))


class Block(nn.Module):
    """Two convolutions beside an identity; the identity at first."""

    def __init__(self, width: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.first, self.last = PeriodicConv(width, width, grid), PeriodicConv(width, width, grid)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(F.silu(self.first(F.silu(x))))


class Trunk(nn.Sequential):
    """Blocks between two linear layers, patch by patch."""

    def __init__(self, inputs: int, outputs: int, width: int, grid: tuple[int, int]) -> None:
        super().__init__(
            nn.Conv2d(inputs, width, 1), *(Block(width, grid) for _ in range(DEPTH)),
            nn.Conv2d(width, outputs, 1),
        )


class Autoencoder(nn.Module):
    """Encoder of states, decoder, and an encoder of observations.

    Args:
        shape: of a state, (lev, y, x).
        channels: latent numbers of a patch.
        width: channels of the convolutions.
        observed: fields that the encoder of observations is shown; 0 for none.
    """

    def __init__(
        self, shape: Sequence[int], channels: int, width: int, observed: int = 0
    ) -> None:
        super().__init__()
        self.patch, grid = patch_of(shape), coarse_grid(shape)
        self.latent = (channels, *grid)
        cells = math.prod(self.patch)
        self.encoder = Trunk(shape[0] * cells, 2 * channels, width, grid)
        self.decoder = Trunk(channels, shape[0] * cells, width, grid)
        self.observer = Trunk(observed * cells, 2 * channels, width, grid) if observed else None

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log variances ``(batch, L)`` of states ``(batch, lev, y, x)``."""
        return _law(self.encoder(cut(x, self.patch)))

    def encode_observed(self, fields: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log variances ``(batch, L)`` of observed fields ``(batch, observed, y, x)``."""
        assert self.observer is not None
        return _law(self.observer(cut(fields, self.patch)))

    def decode(self, z: Tensor) -> Tensor:
        """States ``(batch, lev, y, x)`` of latent states ``(batch, L)``."""
        return join(self.decoder(z.unflatten(-1, self.latent)), self.patch)


def _law(found: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_variance = found.chunk(2, 1)
    return mean.flatten(1), log_variance.flatten(1).clamp(-14, 4)


def cut(x: Tensor, patch: tuple[int, int]) -> Tensor:
    """Patches as channels: ``(batch, c, y, x)`` to ``(batch, c fy fx, y/fy, x/fx)``."""
    fy, fx = patch
    x = x.unflatten(-1, (-1, fx)).unflatten(-3, (-1, fy))
    return x.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)


def join(x: Tensor, patch: tuple[int, int]) -> Tensor:
    """Inverse of :func:`cut`."""
    fy, fx = patch
    x = x.unflatten(1, (-1, fy, fx)).permute(0, 1, 4, 2, 5, 3)
    return x.flatten(-2).flatten(-3, -2)


def initialised(network: Network, generator: torch.Generator) -> Network:
    """The network, made on the meta device, with numbers of a generator; blocks are identities."""
    network = network.to_empty(device="cpu")
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1 or ".last." in name:
            nn.init.zeros_(parameter)
        else:
            bound = math.sqrt(3 / parameter[0].numel())
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return network
