"""Recorder of a cycled run: scores of every cycle, rank counts, and the last states.

Everybody but the driver reads the recorder: the progress of a run, its result, its pictures and its
checkpoints. Its memory holds a few numbers per cycle, and a bounded ring of states.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...metrics.online import EnsembleErrors, innovation_statistics, rmse
from ...metrics.series import mean_and_error
from ...metrics.transport import spaced
from ...systems import System
from ..schedule import Schedule
from .driver import Cycle
from .further import FURTHER, system_scores
from .reference import ReferencePosterior
from .twin import Moment

RING_BYTES, RING_TIMES = 2**26, 128
"""Bounds of the ring of states of a method: memory, and times."""

SCORES = {
    "rmse_analysis": "root-mean-square error of the analysis mean",
    "rmse_forecast": "root-mean-square error of the forecast mean",
    "rmse_sample": "root-mean-square error of one analysed member, mean over members",
    "rmse_units": "rmse_analysis in the units of the equations",
    "spread_analysis": "root of the mean ensemble variance of the analysis",
    "spread_forecast": "root of the mean ensemble variance of the forecast",
    "crps": "fair continuous ranked probability score of the analysis",
    "crps_forecast": "fair continuous ranked probability score of the forecast",
    "energy_score": "fair energy score of the analysis over the root of the size of a state",
    "coverage": "share of the truths in the central interval of the analysis",
}
"""Scores of every cycle and repeat, by name."""

INNOVATIONS = {
    "innovation_mean": "mean of the innovations over their expected standard deviation",
    "innovation_std": "root mean square of the innovations over their expected standard deviation",
    "desroziers_R": "observation error variance implied by the residuals over the assumed one",
    "desroziers_B": "forecast error variance implied by the increments over that of the ensemble",
}
"""Statistics of the observations at every cycle that has any, by name."""

SMOOTHED = {"rmse_smoothed": "root-mean-square error of the fixed-lag smoother's mean"}
"""Scores of smoothers, at the time of the cycle that has left the lag."""


SHOCKS = {"shock": "relative sizes of the shocks of the truth since the cycle before, added up"}
"""Series of truths that take shocks."""

SHOWN = 2000
"""Most members in a snapshot, and thus in pictures and in the result."""


@dataclass(frozen=True)
class Snapshot:
    """States of the first repeat at one cycle, on the CPU, in single precision.

    Args:
        cycle: number of the cycle.
        truth: ``shape``.
        forecast: ``(N, *shape)``, ``SHOWN`` of the members where there are more.
        analysis: ``(N, *shape)``, the same members.
        observed: fields of every instrument, ``(channel, y, x)``, NaN where nothing is observed.
        marginals: densities of the variables of the analysis, if the method gives them: points and
            values, ``(lev, 2, G)``.
        stages: the same members between forecast and analysis by name, such as ``latent``; empty
            for a method that keeps none.
    """

    cycle: int
    truth: Tensor
    forecast: Tensor
    analysis: Tensor
    observed: tuple[Tensor, ...]
    marginals: Tensor | None = None
    stages: dict[str, Tensor] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of the states."""
        states = (self.truth, self.forecast, self.analysis, *self.stages.values())
        return sum(x.nbytes for x in states)


@dataclass(frozen=True)
class Scored:
    """Scores of one cycle.

    Args:
        scores: by name, one per repeat.
        rank_counts: number of values at each rank of the truth, ``(members + 1,)``.
    """

    scores: dict[str, Tensor]
    rank_counts: np.ndarray


class Recorder:
    """Scores and states of a cycled run of one method so far.

    Args:
        system: the forecast model.
        schedule: times of the run.
        repeats: independent truths.
        members: members of the ensemble.
        reference: posterior that the analyses are compared with, if there is one.
    """

    def __init__(
        self, system: System, schedule: Schedule, repeats: int, members: int,
        reference: ReferencePosterior | None = None,
    ) -> None:
        self.system, self.schedule, self.reference = system, schedule, reference
        self.repeats, self.members = repeats, members
        self.cycle, self.seconds, self.warning = 0, 0.0, ""
        self.series: dict[str, np.ndarray] = {}
        self.rank_counts = np.zeros(members + 1, dtype=np.int64)
        size = 4 * (2 * min(members, SHOWN) + 2) * torch.Size(system.shape).numel()
        self.ring: deque[Snapshot] = deque(maxlen=_ring_times(size))

    # --- recording --------------------------------------------------------------------------------

    def record(self, found: Cycle, scored: Scored | None = None) -> None:
        """Take down a cycle, with its scores if they are known already."""
        scored = scored or self.score(found)
        self._store(found.moment.cycle, scored.scores | found.diagnostics)
        self.cycle = found.moment.cycle
        self.seconds += found.seconds
        self.warning = found.warning or self.warning
        if self.cycle > self.schedule.burn_in:
            self.rank_counts += scored.rank_counts
        self._keep(snapshot(found))

    def _keep(self, one: Snapshot) -> None:
        """Append to the ring, which is made shorter for snapshots with stages."""
        if one.stages and self.ring.maxlen != (times := _ring_times(one.nbytes)):
            self.ring = deque(self.ring, times)
        self.ring.append(one)

    def score(self, found: Cycle) -> Scored:
        """Score a cycle; the recorder stays as it is."""
        analysis = EnsembleErrors(found.analysis, found.moment.truth)
        scores = self._scores(found, analysis) | system_scores(self.system, found)
        if self.reference is not None:
            scores |= self.reference.scores(found)
        return Scored(scores, analysis.rank_counts().cpu().numpy())

    def _scores(self, found: Cycle, analysis: EnsembleErrors) -> dict[str, Tensor]:
        truth, scale = found.moment.truth, self.system.scale.to(found.mean)
        forecast = EnsembleErrors(found.forecast, truth)
        scores = {
            "rmse_analysis": rmse(found.mean, truth),
            "rmse_forecast": rmse(found.forecast_mean, truth),
            "rmse_sample": analysis.rmse_sample(),
            "rmse_units": rmse(found.mean, truth, scale),
            "spread_analysis": analysis.spread(),
            "spread_forecast": forecast.spread(),
            "crps": analysis.crps(),
            "crps_forecast": forecast.crps(),
            "energy_score": analysis.energy_score(),
            "coverage": analysis.coverage(),
        }
        shock = found.moment.shock
        shocks = {} if shock is None else {"shock": shock.to(truth.device)}
        return scores | shocks | _innovations(found) | _smoothed(found)

    def _store(self, cycle: int, scores: dict[str, Tensor]) -> None:
        values = torch.stack([v.double().cpu().expand(self.repeats) for v in scores.values()])
        for name, row in zip(scores, values.numpy(), strict=True):
            self._series(name)[:, cycle - 1] = row

    def _series(self, name: str) -> np.ndarray:
        if name not in self.series:
            self.series[name] = np.full((self.repeats, self.schedule.cycles), np.nan)
        return self.series[name]

    # --- reading ----------------------------------------------------------------------------------

    def scored(self, name: str) -> np.ndarray:
        """Values of a score after the burn-in, ``(repeats, cycles)``, NaN where there are none."""
        series = self.series.get(name, np.full((self.repeats, self.schedule.cycles), np.nan))
        return series[:, self.schedule.burn_in : self.cycle]

    def mean(self, name: str) -> tuple[float, float]:
        """Mean of a score over the cycles after the burn-in, and its standard error."""
        return mean_and_error(self.scored(name))

    def further_means(self) -> dict[str, float]:
        """Means of the scores that only some runs have, so far and without errors."""
        return {name: _mean(self.scored(name)) for name in FURTHER if name in self.series}

    def further_scores(self) -> dict[str, float]:
        """The same with their standard errors, as ``NAME_err``."""
        found: dict[str, float] = {}
        for name in self.further_means():
            found[name], found[f"{name}_err"] = self.mean(name)
        return found

    @property
    def spread_skill(self) -> float:
        """Spread/skill ratio of the analyses after the burn-in, corrected for the ensemble size."""
        spread, error = self.scored("spread_analysis") ** 2, self.scored("rmse_analysis") ** 2
        if self.members < 2 or not error.size:
            return np.nan
        ratio = (self.members + 1) / self.members * np.nanmean(spread) / np.nanmean(error)
        return float(np.sqrt(ratio))

    @property
    def nbytes(self) -> int:
        """Bytes of the states and the scores."""
        states = sum(one.nbytes for one in self.ring)
        return states + sum(values.nbytes for values in self.series.values())

    # --- checkpoints ------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data and tensors."""
        return {
            "cycle": self.cycle, "seconds": self.seconds, "warning": self.warning,
            "burn_in": self.schedule.burn_in,
            "ring": [dataclasses.asdict(snapshot) for snapshot in self.ring],
            "series": {k: torch.from_numpy(v[:, : self.cycle].copy())
                       for k, v in self.series.items()},
            "rank_counts": torch.from_numpy(self.rank_counts.copy()),
        }

    def load(self, values: dict[str, Any]) -> None:
        """Go on from :meth:`to_dict`."""
        for one in values["ring"]:
            self._keep(Snapshot(**one))
        self.cycle, self.seconds = values["cycle"], values["seconds"]
        self.warning = values["warning"]
        self.rank_counts = values["rank_counts"].numpy().copy()
        for name, known in values["series"].items():
            self._series(name)[:, : known.shape[1]] = known.numpy()


def _ring_times(size: int) -> int:
    """Times of a ring whose snapshots have so many bytes."""
    return max(2, min(RING_TIMES, RING_BYTES // size))


def _mean(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN if there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan


def check_burn_in(values: dict[str, Any], schedule: Schedule) -> None:
    """Check that the ranks of an earlier run were counted from the same cycle on.

    Raises:
        InputError: if it had another burn-in.
    """
    known = values["burn_in"]
    if known != schedule.burn_in and values["cycle"] > min(known, schedule.burn_in):
        raise InputError(
            "burn in", schedule.burn_in, f"must be {known}, that of the run to go on from",
            f"Use {known}.",
        )


def _innovations(found: Cycle) -> dict[str, Tensor]:
    network, data = found.moment.network, found.moment.data
    if network is None or data is None:
        return {}
    forecast, analysis = (network.apply(x.unsqueeze(-4)) for x in (found.forecast, found.analysis))
    return innovation_statistics(forecast, analysis, data, network.variance(like=data))


def _smoothed(found: Cycle) -> dict[str, Tensor]:
    if found.smoothed is None or found.smoothed_truth is None:
        return {}
    return {"rmse_smoothed": rmse(found.smoothed.mean(1), found.smoothed_truth)}


def snapshot(found: Cycle) -> Snapshot:
    """The first repeat of a cycle, copied."""
    truth, forecast, analysis = (
        _copied(x[0]) for x in (
            found.moment.truth, spaced(found.forecast, SHOWN), spaced(found.analysis, SHOWN)
        )
    )
    marginals = None if found.marginals is None else _copied(found.marginals)
    stages = {name: _copied(spaced(x, SHOWN)[0]) for name, x in found.stages.items()
              if name != "forecast"}
    observed = observed_fields(found.moment)
    return Snapshot(found.moment.cycle, truth, forecast, analysis, observed, marginals, stages)


def _copied(x: Tensor) -> Tensor:
    return x.detach().to("cpu", torch.float32, copy=True)


def observed_fields(moment: Moment) -> tuple[Tensor, ...]:
    """Observations of the first repeat as fields of every instrument, see :class:`Snapshot`."""
    network, data = moment.network, moment.data
    if network is None or data is None:
        return ()
    pieces = network.split(data[0].detach().to("cpu", torch.float32))
    fields = []
    for instrument, values in zip(network.instruments, pieces, strict=True):
        seen = instrument.mask[:, None].to("cpu")
        fields.append(torch.where(seen, instrument.put(values), torch.nan)[0])
    return tuple(fields)
