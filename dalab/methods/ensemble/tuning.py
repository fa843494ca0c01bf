"""Radius and inflation of the ensemble filters on qg64, by the share of cells observed.

Found by ``benchmarks/tune_filters.py`` with arctan of randomly placed cells, noise 0.1, every day,
nine days and a perfect model, once without a background and once with one of error 0.1. The rows
stand in the class of each filter; the search is described in ``docs/baselines.md``.

An option that is left out takes the row of its filter whose share is nearest, on a logarithmic
scale, to the share of cells observed on a day with observations. Systems that were not searched
take :data:`PLAIN`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch

from ...observations import ObservingNetwork
from ..base import Problem


@dataclass(frozen=True)
class Setting:
    """Setting of an ensemble filter.

    Args:
        radius: half-width of the taper in cells, 0 for a global filter.
        inflation: factor on the forecast anomalies.
        rmse: of the ensemble mean, to expect with 24 members on qg64; unknown where the setting was
            found for another filter.
    """

    radius: float
    inflation: float
    rmse: float = math.nan


PLAIN = Setting(2.0, 1.1)
"""Setting of the systems and filters that were not searched."""

Shares = Mapping[float, Setting]


@dataclass(frozen=True)
class Rows:
    """Tuned settings of a filter, by the share of cells observed.

    Args:
        alone: without a background.
        background: with one.
        cycled: in cycled experiments, for the time after the spin-up.
    """

    alone: Shares = field(default_factory=dict)
    background: Shares = field(default_factory=dict)
    cycled: Shares = field(default_factory=dict)

    def without_scores(self) -> Rows:
        """The same settings for another filter, of which the errors are unknown."""
        return Rows(*(
            {share: replace(row, rmse=math.nan) for share, row in rows.items()}
            for rows in (self.alone, self.background)
        ))


def setting(rows: Rows, problem: Problem) -> Setting:
    """Tuned setting of a filter for the system, network and background of a problem.

    A cycled filter without rows for that takes those with a background: its forecasts are as good.
    """
    found = rows.alone if problem.background is None else rows.background
    if problem.cycled:
        found = rows.cycled or rows.background
    if problem.system.name != "qg64" or not found:
        return PLAIN
    seen = math.log(observed_share(problem.network))
    return found[min(found, key=lambda share: abs(math.log(share) - seen))]


def observed_share(network: ObservingNetwork) -> float:
    """Share of cells that any instrument observes, averaged over the steps with observations."""
    seen = torch.stack([i.mask for i in network.instruments]).any(0).flatten(1)
    shares = seen.double().mean(1)
    return float(shares[shares > 0].mean()) if seen.any() else 1.0
