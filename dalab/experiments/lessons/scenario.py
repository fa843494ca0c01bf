"""Guided scenarios for teaching: a wrong setting, and a goal that shows when it is right.

A scenario consists of data and functions of results, without interface or threads. It turns
settings into a :class:`~dalab.experiments.config.Config` and judges the result. The interface hides
the truth, but not the scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import xarray as xr

from ...errors import InputError
from ...methods import Problem
from ...systems import SYSTEMS
from ..config import Config
from ..exact import Exact
from ..from_config import network_of
from ..progress import is_complete

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """A setting that can be changed.

    Args:
        name: key in the settings.
        label: label on the page.
        values: allowed values.
        start: initial value.
        words: labels of the values, unless their text suffices.
        slider: whether the values have an order to slide along.
    """

    name: str
    label: str
    values: tuple[Any, ...]
    start: Any
    words: Mapping[Any, str] | None = None
    slider: bool = False

    def format(self, value: Any) -> str:
        """Return the label of a value."""
        return f"{value:g}" if self.words is None else self.words[value]

    def check(self, value: Any) -> None:
        """Raise :class:`InputError` unless a value is allowed."""
        if value not in self.values:
            known = ", ".join(map(str, self.values))
            raise InputError(self.label, value, f"must be one of {known}", "Choose one.")


@dataclass(frozen=True)
class Finding:
    """A measured value and the bounds that the goal sets.

    Args:
        label: name of the quantity.
        value: measured value; NaN if there is none.
        low: smallest value that passes.
        high: largest value that passes.
    """

    label: str
    value: float
    low: float
    high: float

    @property
    def passed(self) -> bool:
        return self.low <= self.value <= self.high

    @property
    def wanted(self) -> str:
        """Bounds as text."""
        if self.low == -np.inf:
            return f"at most {self.high:g}"
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Verdict:
    """Verdict on an attempt.

    Args:
        findings: measured values of the goal, the score first.
        stars: 0 if a bound is missed, else 1 to 3 by the score.
        error: reason why the method gave no result; empty if it did.
    """

    findings: tuple[Finding, ...]
    stars: int
    error: str = ""

    @property
    def passed(self) -> bool:
        return self.stars > 0


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A scalar measure of a result, with bounds; ``of`` also gets the config, for costs."""

    label: str
    of: Callable[[xr.DataTree, Config], float]
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A lesson to solve by experiment.

    Args:
        name: key in addresses and tests.
        title: short title.
        story: description of the problem.
        goal: description of the goal.
        choices: settings that can be changed.
        config: function from settings to the experiment.
        measures: measures of the goal; the first is the score.
        stars: scores for two and three stars.
        hint: hint shown on request.
        explanation: explanation shown after the goal is reached.
        solution: settings that reach the goal.
        exact: function from the correctly specified problem to its exact answer.
    """

    name: str
    title: str
    story: str
    goal: str
    choices: tuple[Choice, ...]
    config: Callable[[Settings], Config]
    measures: tuple[Measure, ...]
    stars: tuple[float, float]
    hint: str
    explanation: str
    solution: Settings
    exact: Callable[[Problem], Exact] | None = None

    @property
    def start(self) -> dict[str, Any]:
        """Initial settings, which miss the goal."""
        return {choice.name: choice.start for choice in self.choices}

    def check(self, settings: Settings) -> None:
        """Check that every setting is one of its choices.

        Raises:
            InputError: for the first that is not.
        """
        for choice in self.choices:
            choice.check(settings.get(choice.name))

    def experiment(self, settings: Settings) -> Config:
        """Make the experiment of some settings.

        Raises:
            InputError: for a setting that is not among the choices.
        """
        self.check(settings)
        return self.config(settings)

    def judge(self, tree: xr.DataTree) -> Verdict:
        """Judge a result by the goal."""
        config = Config.from_json(tree.attrs["config"])
        status = str(_metrics(tree)["status"].values[0])
        if not is_complete(status):
            failed = tuple(Finding(m.label, np.nan, m.low, m.high) for m in self.measures)
            return Verdict(failed, 0, f"{config.methods[0].partition(':')[0]} {status}")
        findings = tuple(
            Finding(m.label, float(m.of(tree, config)), m.low, m.high) for m in self.measures
        )
        if not all(finding.passed for finding in findings):
            return Verdict(findings, 0)
        return Verdict(findings, 1 + sum(findings[0].value <= limit for limit in self.stars))


# --- measures -------------------------------------------------------------------------------------


def _metrics(tree: xr.DataTree) -> xr.Dataset:
    return cast(xr.DataTree, tree["metrics"]).to_dataset()


def error(tree: xr.DataTree, _: Config) -> float:
    """Return the RMSE of the ensemble mean over the window."""
    return float(_metrics(tree)["rmse_mean"][0])


def worst_error(tree: xr.DataTree, _: Config) -> float:
    """Return the RMSE of the ensemble mean at its worst step."""
    return float(_metrics(tree)["rmse_steps"][0].max())


def spread_skill(tree: xr.DataTree, _: Config) -> float:
    """Return the spread/skill ratio of the window."""
    return float(_metrics(tree)["spread_skill"][0])


def readings(_: xr.DataTree, config: Config) -> float:
    """Count the observed values in the window."""
    return network_of(config, SYSTEMS.make(config.system)).size


def price(_: xr.DataTree, config: Config) -> float:
    """Compute the cost of the instruments: 1 / noise per observation time."""
    times = -(-config.window // config.interval)
    return round(times / config.noise, 2)
