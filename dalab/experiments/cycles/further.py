"""Scores that only some cycled experiments have: of extreme events, and of hidden fields.

The distances from a reference posterior belong to them, see
:mod:`dalab.experiments.cycles.reference`.
"""

from __future__ import annotations

from torch import Tensor

from ...metrics.online import EnsembleErrors, exceedance_brier, rmse
from ...systems import System
from . import reference
from .driver import Cycle

EXTREMES = {
    "tail_brier": "fair Brier score of the analysis for values above the thresholds of the system, "
    "95 % quantiles of its climate, mean over fields and cells",
}
"""Scores of systems with thresholds of extreme events, by name."""

HIDDEN = {
    "rmse_hidden": "root-mean-square error of the analysis mean in the hidden fields",
    "crps_hidden": "fair continuous ranked probability score of the analysis in the hidden fields",
    "spread_hidden": "root of the mean ensemble variance of the analysis in the hidden fields",
    "rmse_resolved": "root-mean-square error of the analysis mean in the resolved fields",
}
"""Scores of systems with hidden fields, by name."""

FURTHER = {**reference.SCORES, **EXTREMES, **HIDDEN}
"""Names and meanings of scores that are there for some systems, or with a reference."""

FURTHER_NAMES = tuple(part for name in FURTHER for part in (name, f"{name}_err"))
"""Names of their means, and of the standard errors of these."""


def system_scores(system: System, found: Cycle) -> dict[str, Tensor]:
    """Scores of a cycle for which a system gives thresholds, or hidden fields."""
    truth, resolved, thresholds = found.moment.truth, system.resolved, system.extremes
    scores = {}
    if thresholds is not None:
        scores["tail_brier"] = exceedance_brier(found.analysis, truth, thresholds.to(truth))
    if resolved is not None and 0 < resolved < system.shape[0]:
        hidden = EnsembleErrors(found.analysis[:, :, resolved:], truth[:, resolved:])
        scores |= {
            "rmse_hidden": rmse(found.mean[:, resolved:], truth[:, resolved:]),
            "crps_hidden": hidden.crps(),
            "spread_hidden": hidden.spread(),
            "rmse_resolved": rmse(found.mean[:, :resolved], truth[:, :resolved]),
        }
    return scores
