"""Coupling of neighbouring frames, after the network.

The frames of a denoised window still err differently. Each is corrected by a linear map, one per
ring of equal wavenumber, of itself, of its noisy self, of its two neighbours, and of these
propagated by the flow: the least-squares optimum on training windows, found in closed form. A
second round reaches the neighbours' neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...systems.base import Propagator
from .rings import LogTable, apply, regress
from .smoother import LIMIT, PropagatingModule

INGREDIENTS = 6
ROUNDS = 2


class FrameCoupling(PropagatingModule):
    """Linear correction of denoised windows; the identity until it is fitted.

    Args:
        window: shape of a window, (time, lev, y, x).
        propagate: propagator of the system, over one interval in both directions.
        levels: noise levels of the maps, increasing.
    """

    def __init__(
        self, window: Sequence[int], propagate: Propagator, levels: Sequence[float]
    ) -> None:
        super().__init__(window, propagate)
        time, lev = window[:2]
        self.maps = LogTable(levels, (ROUNDS, time, self.count, lev, INGREDIENTS * lev))
        self.maps.values[..., :lev] = torch.eye(lev)

    def forward(self, x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
        """Correct windows.

        Args:
            x: noisy windows, ``(batch, time, lev, y, x)``.
            sigma: noise level of each, ``(batch,)``.
            denoised: estimates so far, same shape as ``x``.
        """
        for maps in self.maps(sigma).unbind(1):
            features = self.features(x, denoised).flatten(0, 1)
            denoised = apply(maps.flatten(0, 1), features, self.rings).view_as(x)
        return denoised

    def fit_level(self, level: int, x: Tensor, clean: Tensor, denoised: Tensor) -> None:
        """Find the maps of one noise level by least squares.

        Args:
            level: index of the noise level.
            x: noisy windows of that level, ``(count, time, lev, y, x)``.
            clean: the windows without noise.
            denoised: estimates so far.
        """
        for maps in self.maps.values[level]:
            features = self.features(x, denoised)
            for k in range(x.shape[1]):
                maps[k] = regress(clean[:, k], features[:, k], self.rings, ridge=1e-5)
            gains = maps.expand(len(x), *maps.shape).flatten(0, 1)
            denoised = apply(gains, features.flatten(0, 1), self.rings).view_as(x)

    def features(self, x: Tensor, denoised: Tensor) -> Tensor:
        """Ingredients of every frame, ``(batch, time, 6 lev, y, x)``, with itself at the ends."""
        before, after = denoised[:, :-1], denoised[:, 1:]
        pairs = torch.stack([before.flatten(0, 1), after.flatten(0, 1)]).clamp(-LIMIT, LIMIT)
        ahead, back = self.propagate(pairs).unflatten(1, before.shape[:2])
        first, last = denoised[:, :1], denoised[:, -1:]
        return torch.cat([
            denoised, x, torch.cat([first, ahead], 1), torch.cat([back, last], 1),
            torch.cat([first, before], 1), torch.cat([after, last], 1),
        ], -3)  # fmt: skip
