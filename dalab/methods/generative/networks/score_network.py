"""The network of a score filter: from noised states to conditional means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ....errors import InputError
from ....priors.denoisers.residual import has_bfloat16
from ....priors.denoisers.unet import UNet


@dataclass(frozen=True)
class Architecture:
    """Sizes of a network.

    Args:
        widths: channels at every level of the U; each has half the cells of the one before along
            both sides.
        depths: blocks at every level, on the way down and again on the way up.
        patch: cells along a side of the patches that it works on.
        heads: fields of the shape of a state that it estimates.
    """

    widths: tuple[int, ...] = (32, 64, 96)
    depths: tuple[int, ...] = (1, 1, 2)
    patch: int = 1
    heads: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}


RING = Architecture(widths=(64,), depths=(6,))
"""Sizes for grids whose sides cannot be halved: all blocks on the full grid."""


def architecture_for(shape: Sequence[int], heads: int) -> Architecture:
    """Sizes of a small network for states of a shape (lev, y, x)."""
    if any(side % 8 or side < 32 for side in shape[-2:]):
        return Architecture(RING.widths, RING.depths, RING.patch, heads)
    return Architecture(patch=2 if min(shape[-2:]) >= 64 else 1, heads=heads)


class ScoreNetwork(nn.Module):
    """Network that estimates conditional means of states given noised ones.

    It is a periodic U-Net, told the noise level and, unlike the published ones, which pad their
    convolutions with zeros, the share that is observed of each cell.

    Args:
        shape: of a state, (lev, y, x).
        architecture: sizes.
        observed: share that is observed of each variable, ``(lev, y, x)``; ``None`` for networks
            that do not depend on observations.
        seed: of the initial weights.

    Raises:
        InputError: if the grid cannot be halved as often as the sizes ask for.
    """

    observed: Tensor

    def __init__(
        self, shape: Sequence[int], architecture: Architecture, observed: Tensor | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.shape, self.architecture = tuple(shape), architecture
        given = torch.zeros(0, *self.shape[1:]) if observed is None else observed.float().cpu()
        self.register_buffer("observed", given)
        levels, heads = self.shape[0], architecture.heads
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.unet = UNet(
                levels + len(given), heads * levels, widths=architecture.widths,
                depths=architecture.depths, patch=architecture.patch,
            )
        self.unet.check(self.shape[1:])

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """Estimate conditional means.

        Args:
            x: noised states ``(batch, lev, y, x)``.
            level: noise level of each, above 0, ``(batch,)``.

        Returns:
            ``(batch, heads, lev, y, x)``, in the type of ``x``.
        """
        given = self.observed.to(x).expand(len(x), *self.observed.shape)
        features = torch.cat([x, given], 1).float()
        with self._fast(x):
            found = self.unet(features, level.float())
        return found.to(x).unflatten(1, (self.architecture.heads, self.shape[0]))

    def check_shape(self, shape: Sequence[int], name: str) -> None:
        """Raise unless states have the shape that the network was made for.

        Raises:
            InputError: if they do not.
        """
        if tuple(shape) != self.shape:
            raise InputError(
                f"network {name}", self.shape, f"must be for states of shape {tuple(shape)}",
                "Choose or train one for this system.",
            )

    def _fast(self, x: Tensor) -> torch.autocast:
        """bfloat16 where the hardware is made for it."""
        return torch.autocast(x.device.type, torch.bfloat16, enabled=has_bfloat16(x.device))
