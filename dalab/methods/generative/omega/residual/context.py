"""Context of a residual score: what it knows of a forecast, its observations and its baseline."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .....systems.conditional_gaussian.base import ConditionalGaussian, apply
from ....conditional_gaussian.members import Units
from ....conditional_gaussian.observed import Observed
from ....ensemble.particle import effective_size
from ..kernels import Analysis, Kernels


class Context(NamedTuple):
    """Numbers that a residual is told of one analysis.

    Attributes:
        values: all of them, ``(..., C)``.
        mean: mean of the baseline, ``(..., D1)``, which is among them.
        std: its standard deviations, likewise.
    """

    values: Tensor
    mean: Tensor
    std: Tensor

    def on_members(self) -> Context:
        """With an axis of members before the last."""
        return Context(*(part.unsqueeze(-2) for part in self))


def context_of(
    kernels: Kernels, analysis: Analysis, seen: Observed, system: ConditionalGaussian
) -> Context:
    """Context of an analysis: data, moments of forecast and analysis, effective members, drift.

    The last part is the mean drift that the hidden variables give to the resolved ones in a time
    step, with those of the analysis.

    Args:
        kernels: the forecast.
        analysis: the baseline after the observations.
        seen: the observations.
        system: the system.
    """
    forecast = Analysis(torch.log_softmax(kernels.log_weights, -1), kernels.u, kernels.cov)
    before, variance = forecast.moments()
    mean, after = analysis.moments()
    effective = effective_size(analysis.log_weights).log().unsqueeze(-1)
    drift = _hidden_drift(kernels, analysis, system)
    parts = [seen.y, before, variance.sqrt(), mean, after.sqrt(), effective, drift]
    lead = mean.shape[:-1]
    values = torch.cat([part.expand(*lead, part.shape[-1]) for part in parts], -1)
    return Context(values, mean, after.sqrt())


def _hidden_drift(kernels: Kernels, analysis: Analysis, system: ConditionalGaussian) -> Tensor:
    """Mean increment of the resolved variables by the hidden ones, normalised, ``(..., D1)``."""
    units = Units(system, analysis.means.device)
    (off_u, off_v), (scale_u, scale_v) = units.offset, units.scale
    shift = (analysis.means - kernels.u) @ kernels.gain.mT
    v = kernels.hidden.mean + shift.view(kernels.hidden.mean.shape)
    u = analysis.means.view(*v.shape[:-1], -1)
    law = system.coefficients(off_u + scale_u * u, kernels.hidden)
    drift = (apply(law.H, off_v + scale_v * v) / scale_u).flatten(-2)
    return (analysis.log_weights.exp().unsqueeze(-2) @ drift).squeeze(-2)
