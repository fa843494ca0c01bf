r"""Scores of an ensemble at one time, for many repeats at once, on tensors.

The definitions are those of :mod:`dalab.metrics.deterministic` and :mod:`dalab.metrics.ensemble`;
here they are cheap enough to be taken at every cycle of a long run. Ensembles are
``(repeats, N, *shape)``, truths ``(repeats, *shape)``, scores ``(repeats,)``. The energy score is

.. math:: \frac1N \sum_j \| x_j - y \| - \frac1{2 N (N - 1)} \sum_{i, j} \| x_i - x_j \| ,

fair like the CRPS, over the root of the number of values of a state. The Brier score of an event
that i of N members forecast, and that happens (o = 1) or does not (o = 0), is fair too,

.. math:: (i / N - o)^2 - \frac{i (N - i)}{N^2 (N - 1)} ,

so that its expectation does not depend on N for members that are draws of one distribution; the
plain square for one member. Repeats with members that are not finite have no scores, see
:mod:`dalab.metrics.missing`.

References:
    | Gneiting and Raftery (2007): energy score; Ferro (2014): fair scores, that of Brier among them
    | Desroziers et al. (2005): consistency of innovations, residuals and increments
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

LARGEST = 256
"""Members up to which the energy score takes all; of more it takes the first."""


def rmse(mean: Tensor, truth: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    """Root-mean-square error; ``scale`` is the unit of every field."""
    return ((mean - truth) * scale).flatten(1).pow(2).mean(1).sqrt()


class EnsembleErrors:
    """Errors of the members at one time, from which all scores of an ensemble follow.

    Args:
        x: ``(repeats, N, *shape)``.
        truth: ``(repeats, *shape)``.
    """

    def __init__(self, x: Tensor, truth: Tensor) -> None:
        self.errors = (x - truth[:, None]).flatten(2)
        self.members = x.shape[1]

    def rmse_sample(self) -> Tensor:
        """Root-mean-square error of one sample: the mean of those of all members."""
        return self._whole(self.errors.square().mean(-1).sqrt().mean(1))

    def spread(self) -> Tensor:
        """Root of the mean ensemble variance; NaN for one member."""
        if self.members < 2:
            return torch.full_like(self.errors[:, 0, 0], torch.nan)
        return self._whole(ensemble_variance(self.errors).mean(1).sqrt())

    def crps(self) -> Tensor:
        """Fair CRPS, averaged over the state; the absolute error for one member."""
        size = self.errors.abs().flatten(1).mean(1)
        if self.members < 2:
            return self._whole(size)
        N = self.members
        weights = torch.arange(1 - N, N, 2).to(size) / (N - 1)
        return self._whole(size - (in_order(self.errors) @ weights).mean(1) / N)

    def energy_score(self) -> Tensor:
        """Fair energy score over the root of the number of values; the RMSE for one member."""
        errors = self.errors[:, :LARGEST]
        N, values = errors.shape[1:]
        apart = torch.cdist(errors, errors, compute_mode="use_mm_for_euclid_dist").sum((1, 2))
        size = errors.norm(dim=-1).mean(1)
        return self._whole((size - apart / (2 * N * max(N - 1, 1))) / values**0.5)

    def _whole(self, scores: Tensor) -> Tensor:
        return scores.where(self.whole, torch.nan)

    @cached_property
    def whole(self) -> Tensor:
        """True for the repeats whose members are all finite; others have no scores."""
        return self.errors.isfinite().flatten(1).all(1)

    @cached_property
    def ranks(self) -> Tensor:
        """Rank of the truth among the members, 0 to N, ``(repeats, values)``."""
        return (self.errors < 0).sum(1)

    def coverage(self) -> Tensor:
        """Share of the truths in the central interval of :func:`central`; NaN for one member."""
        if self.members < 2:
            return torch.full_like(self.errors[:, 0, 0], torch.nan)
        i, _ = central(self.members)
        inside = (self.ranks >= i) & (self.ranks <= self.members - i)
        return self._whole(inside.double().mean(1))

    def rank_counts(self) -> Tensor:
        """Number of values at each rank, over all whole repeats, ``(members + 1,)``."""
        return torch.bincount(self.ranks[self.whole].flatten(), minlength=self.members + 1)


def exceedance_brier(x: Tensor, truth: Tensor, threshold: Tensor) -> Tensor:
    """Fair Brier score of values above a threshold, mean over the state, ``(repeats,)``.

    Args:
        x: members, ``(repeats, N, *shape)``.
        truth: ``(repeats, *shape)``.
        threshold: of every field, ``(lev, 1, 1)``.
    """
    N = x.shape[1]
    above, happens = (x > threshold).double().mean(1), (truth > threshold).double()
    fair = above * (1 - above) / max(N - 1, 1)
    found = ((above - happens).square() - fair).flatten(1).mean(1)
    return found.where(x.isfinite().flatten(1).all(1), torch.nan)


def ensemble_variance(x: Tensor) -> Tensor:
    """Unbiased variance over members ``(repeats, N, values)``; faster than that of torch."""
    return (x - x.mean(1, keepdim=True)).square().sum(1) / (x.shape[1] - 1)


def in_order(x: Tensor) -> Tensor:
    """Members ``(repeats, N, values)`` sorted at every value, ``(repeats, values, N)``.

    NumPy sorts as short rows as these several times faster than torch.
    """
    members = x.mT.contiguous()
    if members.device.type != "cpu":
        return members.sort(-1).values
    return torch.from_numpy(np.sort(members.numpy(), -1))


def central(members: int, level: float = 0.9) -> tuple[int, float]:
    """Members left out on each side of a central interval, and the share it should cover.

    The interval from the i-th lowest to the i-th highest of N members covers a share
    (N + 1 - 2 i) / (N + 1) of calibrated truths; i is the one whose share is nearest to ``level``.
    """
    i = max(1, min(round((1 - level) * (members + 1) / 2), (members + 1) // 2))
    return i, (members + 1 - 2 * i) / (members + 1)


def innovation_statistics(
    forecast: Tensor, analysis: Tensor, data: Tensor, variance: Tensor
) -> dict[str, Tensor]:
    """Statistics of the observations at one time, against what the ensembles expect.

    Args:
        forecast: observed forecasts, ``(repeats, N, size)``.
        analysis: observed analyses, same shape.
        data: observations, ``(repeats, size)``.
        variance: assumed error variances, ``(size,)``.

    Returns:
        ``innovation_mean`` and ``innovation_std``: of the innovations over their expected standard
        deviation, 0 and 1 for a consistent filter; ``desroziers_R`` and ``desroziers_B``: error
        variances of observations and forecasts that the residuals imply, over the assumed ones;
        NaN for that of forecasts without any spread.
    """
    N = forecast.shape[1]
    signal = ensemble_variance(forecast) if N > 1 else torch.zeros_like(data)
    before, after = data - forecast.mean(1), data - analysis.mean(1)
    standard = before / (signal + variance).sqrt()
    return {
        "innovation_mean": standard.mean(1),
        "innovation_std": standard.pow(2).mean(1).sqrt(),
        "desroziers_R": (after * before).mean(1) / variance.mean(),
        "desroziers_B": ((before - after) * before).mean(1) / _positive(signal.mean(1)),
    }


def _positive(values: Tensor) -> Tensor:
    return torch.where(values > 0, values, torch.nan)
