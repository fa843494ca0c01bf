r"""A two-filter smoother of noisy windows with calibrated spectral gains.

A window is a trajectory, and what one frame shows, another frame shows elsewhere. The smoother runs
through the noisy frames x_k once ahead and once back, propagating its estimate with the flow M,

.. math::
    f_k = A_k \, M f_{k-1} + B_k \, x_k , \qquad
    b_k = A'_k \, M^{-1} b_{k+1} + B'_k \, x_k ,

and combines f_k with the propagated b_{k+1}, the Gaussian denoiser's answer and x_k. Every factor
is a small matrix over layers per ring of equal wavenumber and per noise level: the least-squares
optimum, found in closed form on training windows.

References:
    | Fraser and Potter, The optimum linear smoother as a combination of two optimum linear filters,
      1969: here about the nonlinear flow, with measured instead of propagated covariances
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...systems.base import Propagator
from .rings import LogTable, RingModule, apply, regress

LIMIT = 8.0
"""Estimates beyond so many standard deviations are clamped before they are propagated, so that
input far from any flow cannot make the flow diverge."""

Analysis = Callable[[int, Tensor], Tensor]



class PropagatingModule(RingModule):
    """A part of a denoiser that propagates states and has a small matrix per ring.

    Args:
        window: shape of a window, (time, lev, y, x).
        propagate: propagator of the system, over one interval in both directions.
    """

    def __init__(self, window: Sequence[int], propagate: Propagator) -> None:
        super().__init__(window)
        self.propagate = propagate


class TwoFilterSmoother(PropagatingModule):
    """Smoother of noisy windows with a forward and a backward filter.

    Args:
        window: shape of a window, (time, lev, y, x).
        propagate: propagator of the system, over one interval in both directions.
        levels: noise levels of the gains, increasing.
    """

    def __init__(
        self, window: Sequence[int], propagate: Propagator, levels: Sequence[float]
    ) -> None:
        super().__init__(window, propagate)
        time, lev = window[:2]
        self.filters = LogTable(levels, (2, time, self.count, lev, 2 * lev))
        self.combination = LogTable(levels, (time, self.count, lev, 4 * lev))

    def forward(self, x: Tensor, sigma: Tensor, gaussian: Tensor) -> tuple[Tensor, Tensor]:
        """Smooth windows.

        Args:
            x: noisy windows, ``(batch, time, lev, y, x)``.
            sigma: noise level of each, ``(batch,)``.
            gaussian: the Gaussian denoiser's answer, same shape as ``x``.

        Returns:
            The estimate, and the two filters' predictions of every frame before its analysis,
            ``(2, batch, time, lev, y, x)``; the noisy frame itself where a filter starts.
        """
        gains = self.filters(sigma).transpose(0, 1)

        def analysis(k: int, features: Tensor) -> Tensor:
            used = gains[:, :, k].flatten(0, 1)[..., -features.shape[1] :]
            return apply(used, features, self.rings)

        filtered, propagated = self._filter(x, analysis)
        features = _features(filtered, propagated, gaussian, x)
        combined = apply(self.combination(sigma).flatten(0, 1), features, self.rings)
        return combined.view_as(x), propagated

    def fit_level(self, level: int, x: Tensor, clean: Tensor, gaussian: Tensor) -> None:
        """Find the gains of one noise level by least squares.

        Args:
            level: index of the noise level.
            x: noisy windows of that level, ``(count, time, lev, y, x)``.
            clean: the windows without noise.
            gaussian: the Gaussian denoiser's answers.
        """
        targets = torch.stack([clean, clean.flip(1)])

        def analysis(k: int, features: Tensor) -> Tensor:
            found = []
            for way, feature in enumerate(features.chunk(2)):
                gains = regress(targets[way, :, k], feature, self.rings)
                self.filters.values[level, way, k, ..., -gains.shape[-1] :] = gains
                found.append(apply(gains[None], feature, self.rings))
            return torch.cat(found)

        filtered, propagated = self._filter(x, analysis)
        features = _features(filtered, propagated, gaussian, x).unflatten(0, x.shape[:2])
        for k in range(x.shape[1]):
            gains = regress(clean[:, k], features[:, k], self.rings)
            self.combination.values[level, k] = gains

    def _filter(self, x: Tensor, analysis: Analysis) -> tuple[Tensor, Tensor]:
        """Run both filters at once, the second one through the frames in reverse order.

        Args:
            x: noisy windows, ``(batch, time, lev, y, x)``.
            analysis: updates the k-th frame of both filters: from features ``(2 batch, in, y,
                x)``, the propagated layers, where there are any, and the noisy ones.

        Returns:
            Filtered and propagated windows, both ``(2, batch, time, lev, y, x)`` in order of time.
        """
        frames = torch.stack([x, x.flip(1)])
        filtered: list[Tensor] = []
        propagated: list[Tensor] = []
        for k in range(x.shape[1]):
            noisy = frames[:, :, k]
            brought = self.propagate(filtered[-1].clamp(-LIMIT, LIMIT)) if k else noisy
            features = torch.cat([brought, noisy], -3) if k else noisy
            filtered.append(analysis(k, features.flatten(0, 1)).view_as(noisy))
            propagated.append(brought)
        return _chronological(filtered), _chronological(propagated)


def _chronological(frames: Sequence[Tensor]) -> Tensor:
    """Order frames by time that are in the order of the two filters."""
    ahead, back = torch.stack(list(frames), 2)
    return torch.stack([ahead, back.flip(1)])


def _features(filtered: Tensor, propagated: Tensor, gaussian: Tensor, x: Tensor) -> Tensor:
    """Features of the combination for every frame, ``(batch x time, 4 lev, y, x)``."""
    return torch.cat([filtered[0], propagated[1], gaussian, x], -3).flatten(0, 1)
