"""Base classes of the ensemble filters: inflation, relaxation and localisation.

Ensembles are ``(..., N, lev, y, x)``: leading axes hold independent repeats.
"""

from __future__ import annotations

from typing import ClassVar, Self

import param
import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...random import MemberStreams
from ..base import Problem
from ..filtering import Filter, State
from .localisation import Taper, taper
from .tuning import PLAIN, Rows, Setting, setting


class EnsembleFilter(Filter):
    """Filter that carries an ensemble with the forecast model."""

    family = "Ensemble filters"

    former_names: ClassVar[dict[str, str]] = {"ensemble": "members"}
    """Options by the names that texts of before may have."""

    members = param.Integer(
        24, bounds=(2, 10_000), doc="ensemble members, all kept in the result; those of the "
        "experiment if these are more",
    )

    def size(self, members: int) -> int:
        return max(self.members, members)


TUNED = {"localisation": "radius", "inflation": "inflation"}
"""Options that are tuned unless they are given, and their names in a :class:`Setting`."""


class EnsembleKalman(EnsembleFilter):
    """Ensemble Kalman filter: inflation before the update or after it, and relaxation after it.

    Inflation, and the radius of those that localise, are tuned to the problem unless they are
    given (:mod:`dalab.methods.ensemble.tuning`); the notes of the steps give the values taken.
    They were tuned with inflation of the forecast.

    Attributes:
        rows: the tuned settings.

    References:
        | Anderson and Anderson (1999): multiplicative inflation
        | Zhang, Snyder and Sun (2004): relaxation to the prior perturbations
        | Whitaker and Hamill (2012): relaxation to the prior spread
    """

    rows: ClassVar[Rows] = Rows()

    inflation = param.Number(
        None, bounds=(1.0, 2.0), step=0.05,
        doc="factor on the anomalies; auto: tuned to the share of cells observed",
    )
    inflate = param.Selector(
        default="forecast", objects=["forecast", "analysis"],
        doc="ensemble that is inflated: the forecast, before the update, or the analysis after it",
    )
    rtps = param.Number(0.0, bounds=(0.0, 1.0), doc="relaxation to the forecast's spread")
    rtpp = param.Number(0.0, bounds=(0.0, 1.0), doc="relaxation to the forecast's perturbations")

    def prepare(self, problem: Problem) -> Self:
        return self.with_settings(setting(self.rows, problem))

    def with_settings(self, tuned: Setting) -> Self:
        """Copy of the filter with ``tuned`` for the options that are left open."""
        values = self.param.values()
        left = {k: getattr(tuned, f) for k, f in TUNED.items() if k in values and values[k] is None}
        return type(self)(**{**values, **left}) if left else self

    def note(self, k: int, state: State) -> str:
        taken = ((field, getattr(self, name, None)) for name, field in TUNED.items())
        words = [f"{field} {value:g}" for field, value in taken if value]
        return ", ".join([super().note(k, state), *words])

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        forecast = self.inflated("forecast", ensemble)
        return self.finished(self.update(forecast, network, data, streams), forecast)

    def inflated(self, which: str, x: Tensor) -> Tensor:
        """An ensemble with its inflation, if ``which`` (forecast or analysis) is inflated."""
        return inflate(x, self.inflation or PLAIN.inflation) if which == self.inflate else x

    def finished(self, x: Tensor, forecast: Tensor) -> Tensor:
        """An updated ensemble, relaxed to the forecast that was updated, and inflated."""
        return self.inflated("analysis", relax(x, forecast, self.rtps, self.rtpp))

    def taper(self, x: Tensor) -> Taper | None:
        """Taper on the grid of states ``x``; ``None`` without localisation."""
        return None

    def update(
        self, x: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        """Update an inflated ensemble; arguments as for :meth:`analysis`."""
        raise NotImplementedError


class LocalisedKalman(EnsembleKalman):
    """Ensemble Kalman filter with localised covariances."""

    localisation = param.Number(
        None, bounds=(0.0, 64.0), step=0.5,
        doc="half-width of the taper in grid cells; 0: none; auto: tuned to the share observed",
    )

    def taper(self, x: Tensor) -> Taper | None:
        return taper(x, PLAIN.radius if self.localisation is None else self.localisation)


def inflate(x: Tensor, factor: float) -> Tensor:
    """Multiply the anomalies of an ensemble ``(..., N, lev, y, x)`` by ``factor``."""
    mean = x.mean(-4, keepdim=True)
    return mean + factor * (x - mean)


def relax(x: Tensor, forecast: Tensor, rtps: float, rtpp: float) -> Tensor:
    """Relax the anomalies of an analysis towards those of the forecast.

    Args:
        x: analysis ``(..., N, lev, y, x)``.
        forecast: the ensemble before it, same shape.
        rtps: share of the lost spread that is given back at every point.
        rtpp: weight of the forecast's anomalies.
    """
    if rtps == rtpp == 0:
        return x
    mean, before = x.mean(-4, keepdim=True), forecast - forecast.mean(-4, keepdim=True)
    after = (1 - rtpp) * (x - mean) + rtpp * before
    std_before, std_after = (a.std(-4, keepdim=True) for a in (before, after))
    tiny = torch.finfo(x.dtype).tiny
    return mean + after * (1 + rtps * (std_before - std_after) / std_after.clamp(min=tiny))
