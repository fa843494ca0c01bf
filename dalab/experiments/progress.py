"""Progress, frames and scores of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..methods import Step


@dataclass(frozen=True)
class Progress:
    """Progress of a run.

    Args:
        method: label of the running method; empty while preparing.
        method_index: number of this method in the order in which they run, from 0.
        methods: number of methods.
        fraction: completed share of the run, 0 to 1, by the time that it takes.
        elapsed: time since the start [s].
        remaining: estimated time left of the run [s], see
            :class:`dalab.experiments.timing.clock.Clock`; ``None`` if there is no estimate.
        note: the method's own note on its progress.
    """

    method: str = ""
    method_index: int = 0
    methods: int = 0
    fraction: float = 0.0
    elapsed: float = 0.0
    remaining: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Frame:
    """One step of one method.

    Args:
        method: label of the method.
        step: the step, with tensors on the CPU that are not shared with the method.
        rmse: RMSE of the ensemble mean at every step of the window, ``(time,)``.
        rmse_sample: RMSE of one sample, mean over members, ``(time,)``.
        progress: progress of the run.
        spread: root of the mean ensemble variance, ``(time,)``; NaN for one member.
    """

    method: str
    step: Step
    rmse: np.ndarray
    rmse_sample: np.ndarray
    progress: Progress
    spread: np.ndarray = field(default_factory=lambda: np.array([]))


@dataclass(frozen=True)
class MethodScores:
    """Scores of a method so far.

    Args:
        status: ``waiting``, ``running``, ``complete``, ``cancelled`` or ``failed: why``.
        rmse_steps: RMSE of the ensemble mean at every step of the window, ``(time,)``.
        rmse_sample_steps: RMSE of one sample, mean over members, ``(time,)``.
        spread_steps: root of the mean ensemble variance, ``(time,)``; NaN for one member.
        fraction: completed share of the method, 0 to 1.
        crps: fair CRPS; NaN until the method is complete.
        spread_skill: spread/skill ratio; NaN until the method is complete.
        network_evaluations: evaluations of the prior's denoiser, per member.
        seconds: run time of the method [s].
        peak_memory_mb: see :mod:`dalab.experiments.execution` [MiB].
        members: posterior samples.
        burn_in: first entries of the arrays that means leave out.
        rmse_mean_err: standard error of ``rmse_mean``; like those below, of a cycled run that has
            ended, NaN in a window.
        rmse_forecast: mean RMSE of the forecasts.
        rmse_forecast_err: its standard error.
        crps_err: standard error of ``crps``.
        spread: mean spread of the analyses.
        coverage: share of the truths in the central interval of the analyses.
        further: scores that only some cycled runs have, and their standard errors, by name.
    """

    status: str = "waiting"
    rmse_steps: np.ndarray = field(default_factory=lambda: np.array([]))
    rmse_sample_steps: np.ndarray = field(default_factory=lambda: np.array([]))
    spread_steps: np.ndarray = field(default_factory=lambda: np.array([]))
    fraction: float = 0.0
    crps: float = math.nan
    spread_skill: float = math.nan
    network_evaluations: int = 0
    seconds: float = 0.0
    peak_memory_mb: float = math.nan
    members: int = 0
    burn_in: int = 0
    rmse_mean_err: float = math.nan
    rmse_forecast: float = math.nan
    rmse_forecast_err: float = math.nan
    crps_err: float = math.nan
    spread: float = math.nan
    coverage: float = math.nan
    further: Mapping[str, float] = field(default_factory=dict)

    @property
    def rmse_mean(self) -> float:
        """Mean over steps of ``rmse_steps``; NaN before the first step."""
        return _mean(self.rmse_steps[self.burn_in :])

    @property
    def rmse_sample(self) -> float:
        """Mean over steps of ``rmse_sample_steps``; NaN before the first step."""
        return _mean(self.rmse_sample_steps[self.burn_in :])

    def score(self, name: str) -> float:
        """A score by its name in :mod:`dalab.metrics.table`; NaN if it is not known."""
        own = self.further.get(name)
        return float(getattr(self, name, math.nan) if own is None else own)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan


def complete(warning: str = "") -> str:
    """Status of a method that is complete, with a reason not to trust it, if there is one."""
    return f"complete; {warning}" if warning else "complete"


def is_complete(status: str) -> bool:
    """True for a status of :func:`complete`."""
    return kind_of(status) == "complete"


def kind_of(status: str) -> str:
    """The first words of a status, without its reason."""
    return status.partition(":")[0].partition(";")[0]


def live_rmse(estimate: Tensor, truth: Tensor) -> np.ndarray:
    """Compute the RMSE at every step of a window, as :mod:`dalab.metrics.deterministic` defines it.

    Args:
        estimate: ``(time, lev, y, x)``.
        truth: same shape.

    Returns:
        ``(time,)``, float64.
    """
    return _rmse(estimate, truth).numpy()


def live_rmse_sample(estimate: Tensor, truth: Tensor) -> np.ndarray:
    """Compute the RMSE of one sample at every step of a window, the mean of those of all members.

    Args:
        estimate: ``(member, time, lev, y, x)``.
        truth: ``(time, lev, y, x)``.

    Returns:
        ``(time,)``, float64.
    """
    return torch.stack([_rmse(member, truth) for member in estimate]).mean(0).numpy()


def _rmse(estimate: Tensor, truth: Tensor) -> Tensor:
    error = estimate.double() - truth.double()
    return (error**2).flatten(1).mean(1).sqrt()


def live_spread(estimate: Tensor) -> np.ndarray:
    """Compute the spread at every step of a window, as :mod:`dalab.metrics.ensemble` defines it.

    Args:
        estimate: ``(member, time, lev, y, x)``.

    Returns:
        ``(time,)``, float64; NaN for one member.
    """
    if len(estimate) < 2:
        return np.full(estimate.shape[1], np.nan)
    return estimate.var(0).flatten(1).mean(1, dtype=torch.float64).sqrt().numpy()
