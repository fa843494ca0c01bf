"""Guided scenarios for teaching: something is set wrong, and a goal says when it is right.

A scenario is data and a few functions of results: no interface, no threads. It turns settings into
a :class:`~dalab.experiments.config.Config` and judges the result. The truth is hidden by whoever
shows the scenario; the scores are not.
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
from ..experiment import network_of

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """Something that may be changed.

    Args:
        name: in the settings.
        label: what it is called on the page.
        values: what may be chosen.
        start: the value at the beginning.
        words: how values are shown, where their plain text would not do.
    """

    name: str
    label: str
    values: tuple[Any, ...]
    start: Any
    words: Mapping[Any, str] | None = None

    def format(self, value: Any) -> str:
        """A value in words."""
        return f"{value:g}" if self.words is None else self.words[value]


@dataclass(frozen=True)
class Finding:
    """One number and whether it is what the goal asks for.

    Args:
        label: what was measured.
        value: the number; NaN if there is none.
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
        """The bounds in words."""
        if self.low == -np.inf:
            return f"at most {self.high:g}"
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Verdict:
    """What became of an attempt.

    Args:
        findings: all that the goal asks for, the score first.
        stars: 0 if something failed, else 1 to 3 by the score.
        error: why the method gave no result; empty if it did.
    """

    findings: tuple[Finding, ...]
    stars: int
    error: str = ""

    @property
    def passed(self) -> bool:
        return self.stars > 0


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number of a result, and its bounds; ``of`` also sees the config, for costs."""

    label: str
    of: Callable[[xr.DataTree, Config], float]
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Something to find out by trying.

    Args:
        name: in addresses and tests.
        title: a few words.
        story: what the matter is.
        goal: what to reach, in words.
        choices: what may be changed.
        config: the experiment that settings describe.
        measures: what the goal asks for; the first is the score.
        stars: scores that earn two and three stars.
        hint: for those who ask.
        explanation: after the goal has been reached.
        solution: settings that reach it.
        exact: the exact answer to overlay, from the problem with nothing wrong in it.
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
        """The settings at the beginning: they fail."""
        return {choice.name: choice.start for choice in self.choices}

    def check(self, settings: Settings) -> None:
        """Raise unless every setting is one of its choices.

        Raises:
            InputError: naming the first that is not.
        """
        for choice in self.choices:
            value = settings.get(choice.name)
            if value not in choice.values:
                known = ", ".join(map(str, choice.values))
                raise InputError(choice.label, value, f"must be one of {known}", "Choose one.")

    def experiment(self, settings: Settings) -> Config:
        """The experiment of some settings.

        Raises:
            InputError: for a setting that is not among the choices.
        """
        self.check(settings)
        return self.config(settings)

    def judge(self, tree: xr.DataTree) -> Verdict:
        """Measure a result against the goal."""
        config = Config.from_json(tree.attrs["config"])
        status = str(_metrics(tree)["status"].values[0])
        if status != "complete":
            failed = tuple(Finding(m.label, np.nan, m.low, m.high) for m in self.measures)
            return Verdict(failed, 0, f"{config.methods[0].partition(':')[0]} {status}")
        findings = tuple(
            Finding(m.label, float(m.of(tree, config)), m.low, m.high) for m in self.measures
        )
        if not all(finding.passed for finding in findings):
            return Verdict(findings, 0)
        return Verdict(findings, 1 + sum(findings[0].value <= limit for limit in self.stars))


# --- what can be measured -------------------------------------------------------------------------


def _metrics(tree: xr.DataTree) -> xr.Dataset:
    return cast(xr.DataTree, tree["metrics"]).to_dataset()


def error(tree: xr.DataTree, _: Config) -> float:
    """RMSE of the ensemble mean, over the window."""
    return float(_metrics(tree)["rmse_mean"][0])


def worst_error(tree: xr.DataTree, _: Config) -> float:
    """RMSE of the ensemble mean on its worst step."""
    return float(_metrics(tree)["rmse_steps"][0].max())


def spread_skill(tree: xr.DataTree, _: Config) -> float:
    """Spread/skill of the window."""
    return float(_metrics(tree)["spread_skill"][0])


def readings(_: xr.DataTree, config: Config) -> float:
    """Values that are observed in the window."""
    return network_of(config, SYSTEMS.make(config.system)).size


def price(_: xr.DataTree, config: Config) -> float:
    """What the instruments cost: one unit for a look with noise 1, more for less noise."""
    looks = -(-config.window // config.interval)
    return round(looks / config.noise, 2)
