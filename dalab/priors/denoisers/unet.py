"""A small periodic U-Net, conditioned on the noise level.

Time is folded into the channels: the frames of a window differ little, and their changes
are among the features. Fields are cut into patches first, so that the widest layers never
work on the full grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import InputError

Layer = TypeVar("Layer", bound=nn.Module)


class Conv(nn.Module):
    """Convolution with an odd kernel and periodic edges.

    Args:
        inputs: channels in.
        outputs: channels out.
        size: cells along a side of the kernel.
    """

    def __init__(self, inputs: int, outputs: int, size: int = 3) -> None:
        super().__init__()
        self.kernel = (outputs, inputs, size, size)
        start = nn.Conv2d(inputs, outputs, size)
        assert start.bias is not None
        self.weight = nn.Parameter(start.weight.detach().flatten(1))  # a matrix, as Muon wants it
        self.bias = nn.Parameter(start.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        edge = self.kernel[-1] // 2
        if edge == 0:  # several times as fast on a grid of one cell
            return F.linear(x.movedim(1, -1), self.weight, self.bias).movedim(-1, 1)
        x = wrap(x, edge)
        return F.conv2d(x, self.weight.view(self.kernel), self.bias)


def wrap(x: Tensor, edge: int) -> Tensor:
    """Continue a periodic grid ``(..., y, x)`` by ``edge`` cells on every side."""
    if not x.requires_grad:
        return F.pad(x, (edge,) * 4, mode="circular")
    x = torch.cat([x[..., -edge:, :], x, x[..., :edge, :]], -2)  # half as long to go back through
    return torch.cat([x[..., -edge:], x, x[..., :edge]], -1)


class Block(nn.Module):
    """Two convolutions beside an identity, modulated by the noise level; the identity at first.

    Args:
        width: channels.
        embedding: length of the embedding of the noise level.
        kernel: cells along a side of the kernels.
    """

    def __init__(self, width: int, embedding: int, kernel: int = 3) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(max(1, width // 16), width)
        self.first, self.second = Conv(width, width, kernel), Conv(width, width, kernel)
        self.modulation = zero(nn.Linear(embedding, 2 * width))
        zero(self.second)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, 1)
        h = self.norm(x) * (1 + scale) + shift
        return x + self.second(F.silu(self.first(F.silu(h))))


class Blocks(nn.ModuleList):
    """Blocks of one level, one after the other."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        for block in self:
            x = block(x, embedding)
        return x


class LevelEmbedding(nn.Module):
    """Embedding of log sigma.

    Args:
        size: length of the embedding.
        levels: number of noise levels.
    """

    frequencies: Tensor

    def __init__(self, size: int, levels: int = 1) -> None:
        super().__init__()
        first, second = nn.Linear(16 * levels, size), nn.Linear(size, size)
        self.layers = nn.Sequential(first, nn.SiLU(), second, nn.SiLU())
        self.register_buffer("frequencies", torch.arange(1, 9) / 4, persistent=False)

    def forward(self, sigma: Tensor) -> Tensor:
        phase = sigma.float().log()[..., None] * self.frequencies
        return self.layers(torch.cat([phase.sin(), phase.cos()], -1).flatten(1))


class UNet(nn.Module):
    """U-Net from features on a periodic grid to a correction that is zero at first.

    Beside the U there is a direct linear path, cell by cell, whose weights depend on the noise
    level.

    Args:
        inputs: channels in.
        outputs: channels out.
        widths: channels at every level; each level is half the one before along every side that
            is longer than one cell.
        depths: blocks at every level, on the way down and again on the way up.
        patch: cells along a side of the patches; 1 for none.
        embedding: length of the embedding of the noise level.
        levels: number of noise levels it is conditioned on, the window's first.
        kernel: cells along a side of the kernels; with 1 and one width it is a residual MLP.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        widths: Sequence[int] = (64, 96, 128),
        depths: Sequence[int] = (1, 1, 1),
        patch: int = 2,
        embedding: int = 64,
        levels: int = 1,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.embedding = LevelEmbedding(embedding, levels)
        self.stem = nn.Conv2d(inputs * patch**2, widths[0], 1)
        sizes = list(zip(widths, depths, strict=True))
        self.down = nn.ModuleList(_blocks(w, d, embedding, kernel) for w, d in sizes)
        self.up = nn.ModuleList(_blocks(w, d, embedding, kernel) for w, d in sizes[:-1])
        pairs = list(zip(widths, widths[1:], strict=False))
        self.coarsen = nn.ModuleList(nn.Conv2d(4 * a, b, 1) for a, b in pairs)
        self.refine = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairs)
        self.head = zero(Conv(widths[0], outputs * patch**2, kernel))
        self.direct = zero(nn.Conv2d(inputs, outputs, 1))
        self.gate = zero(nn.Linear(embedding, inputs))

    def forward(self, features: Tensor, sigma: Tensor) -> Tensor:
        """Compute the correction.

        Args:
            features: ``(batch, inputs, y, x)``.
            sigma: noise level of each, ``(batch,)``; of several, ``(batch, levels)``.

        Returns:
            ``(batch, outputs, y, x)``.

        Raises:
            InputError: if the grid cannot be halved often enough.
        """
        self.check(features.shape[-2:])
        embedding = self.embedding(sigma)
        h = F.pixel_unshuffle(features, self.patch) if self.patch > 1 else features
        h = self.stem(h.contiguous(memory_format=torch.channels_last))
        skips = []
        for blocks, coarsen in zip(self.down, [*self.coarsen, None], strict=True):
            h = blocks(h, embedding)
            if coarsen is not None:
                skips.append(h)
                h = coarsen(F.pixel_unshuffle(h, 2))
        for blocks, refine, skip in zip(
            reversed(self.up), reversed(self.refine), reversed(skips), strict=True
        ):
            h = blocks(skip + F.pixel_shuffle(refine(h), 2), embedding)
        h = self.head(h)
        h = F.pixel_shuffle(h, self.patch) if self.patch > 1 else h
        return h + self.direct(features * (1 + self.gate(embedding)[:, :, None, None]))

    def kernels(self) -> list[Tensor]:
        """Matrices inside the network, as opposed to those at its ends."""
        blocks = [part for part in self.modules() if isinstance(part, Block)]
        return [conv.weight for b in blocks for conv in (b.first, b.second)] + [self.gate.weight]

    def check(self, grid: Sequence[int]) -> None:
        """Raise :class:`InputError` unless both sides of the grid can be halved often enough."""
        multiple = self.patch * 2 ** len(self.coarsen)
        for side in grid:
            if side % multiple:
                raise InputError(
                    "grid of the network", tuple(grid), f"must have sides that {multiple} divides",
                    "Use fewer widths, or patch 1.",
                )


def _blocks(width: int, depth: int, embedding: int, kernel: int) -> Blocks:
    return Blocks(Block(width, embedding, kernel) for _ in range(depth))


def zero(layer: Layer) -> Layer:
    """Set a layer's numbers to zero, so that it adds nothing at first."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
