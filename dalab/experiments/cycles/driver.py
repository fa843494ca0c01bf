"""The driver of cycled experiments: forecast, observe, analyse, and again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ...methods.filtering import Filter, State, is_finite
from ...metrics.density import adapted_grid
from .twin import CycledTwin, Moment

VARIABLES = 32
"""Most variables of a state whose densities are asked for at every cycle."""


@dataclass(frozen=True)
class Carried:
    """All that a run carries from one cycle to the next, but for its scores.

    Args:
        cycle: cycles done.
        nature: state of nature.
        state: state of the filter.
        past: true states of the last times, the oldest first, for smoothers.
    """

    cycle: int
    nature: Tensor
    state: State
    past: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Cycle:
    """One cycle of one method, seen from outside.

    Args:
        moment: truth and observations.
        forecast: forecast members, ``(repeats, N, *shape)``.
        analysis: analysed members; the forecast where there was nothing to analyse.
        forecast_mean: best estimate before the observations, ``(repeats, *shape)``.
        mean: best estimate after them.
        smoothed: for smoothers, members of an earlier time, corrected for the last time.
        smoothed_truth: the truth of that time.
        diagnostics: numbers about the analysis by name, one per repeat.
        warning: reason not to trust the analysis, if there is one.
        seconds: time spent in the method.
        carried: from which the next cycle goes on.
        marginals: densities of all variables that the method gives of the first repeat, points and
            values, ``(lev, 2, G)``; ``None`` for one that gives none.
        stages: members along the analysis by name, such as ``latent``, shaped like it; empty where
            there was nothing to analyse, and for a method that keeps none.
    """

    moment: Moment
    forecast: Tensor
    analysis: Tensor
    forecast_mean: Tensor
    mean: Tensor
    smoothed: Tensor | None
    smoothed_truth: Tensor | None
    diagnostics: dict[str, Tensor]
    warning: str
    seconds: float
    carried: Carried
    marginals: Tensor | None = None
    stages: dict[str, Tensor] = field(default_factory=dict)


class Driver:
    """Cycles of one method.

    Args:
        twin: truths and observations.
        method: the filter.
        label: its label, which names its random streams.
        members: members of the result; the filter may run more.
    """

    def __init__(self, twin: CycledTwin, method: Filter, label: str, members: int) -> None:
        self.twin, self.label = twin, label
        nature = twin.start()
        self.problem = twin.problem(nature)
        self.method = method.prepare(self.problem)
        self.members = method.size(members)
        self.start = Carried(0, nature, {})

    def begin(self) -> Carried:
        """The state before the first cycle.

        Raises:
            InputError: if the method cannot run.
        """
        self.method.check(self.problem, self.members * self.twin.repeats)
        nature = self.start.nature
        ensemble = self.twin.ensemble(nature, self.members, self.label)
        return replace(
            self.start, state=self.method.begin(ensemble, self.problem),
            past=self._past((), self.twin.nature.truth(nature)),
        )

    def cycles(self, carried: Carried | None = None) -> Generator[Cycle, None, None]:
        """Yield cycle after cycle, from the start or from where an earlier run stopped."""
        carried = self.begin() if carried is None else carried
        while carried.cycle < self.twin.schedule.cycles:
            with torch.no_grad():
                found = self._next(carried)
            carried = found.carried
            yield found

    def _next(self, before: Carried) -> Cycle:
        twin, method, cycle = self.twin, self.method, before.cycle + 1
        nature = twin.advance(before.nature, cycle)
        moment = twin.observe(nature, cycle)
        streams = twin.streams(self.label, cycle, self.members)
        began = time.perf_counter()
        state = method.forecast(
            before.state, self.problem, twin.schedule.interval, streams.generators[0]
        )
        forecast, forecast_mean = method.estimate(state, streams), method.mean(state)
        if moment.network is not None and moment.data is not None and is_finite(state):
            now = replace(self.problem, network=moment.network, data=moment.data)
            state = method.assimilate(state, now, streams)
            analysis, mean = method.estimate(state, streams), method.mean(state)
            stages = method.analysis_stages(state)
        else:
            analysis, mean, stages = forecast, forecast_mean, {}
        seconds = time.perf_counter() - began
        past = self._past(before.past, moment.truth)
        smoothed = method.smoothed(state) if method.past_times else None
        return Cycle(
            moment, forecast, analysis, forecast_mean, mean,
            None if smoothed is None else smoothed.select(-4, 0),
            None if smoothed is None else past[-smoothed.shape[-4]],
            method.diagnostics(state), method.warning(state), seconds,
            Carried(cycle, nature, state, past), marginals_of(method, state, analysis), stages,
        )

    def _past(self, past: tuple[Tensor, ...], truth: Tensor) -> tuple[Tensor, ...]:
        lag = self.method.past_times
        return tuple(deque((*past, truth), maxlen=lag + 1)) if lag else ()


def marginals_of(method: Filter, state: State, analysis: Tensor) -> Tensor | None:
    """Densities of the variables of one cell that a method gives of the first repeat.

    Args:
        method: the filter.
        state: its state after the analysis.
        analysis: members ``(repeats, N, lev, 1, 1)``, about which the points lie.

    Returns:
        Points and values ``(lev, 2, G)``; ``None`` for larger states, for more than ``VARIABLES``
        of them, and for a method that gives none.
    """
    if analysis.shape[-2:].numel() > 1 or analysis.shape[-3] > VARIABLES or not is_finite(state):
        return None
    first = {k: v[:1] if v.shape[:1] == analysis.shape[:1] else v for k, v in state.items()}
    found = []
    for variable, members in enumerate(analysis[0, :, :, 0, 0].unbind(-1)):
        grid = torch.from_numpy(adapted_grid(members.double().cpu().numpy())).to(members)
        density = method.marginal(first, variable, grid)
        if density is None:
            return None
        found.append(torch.stack([grid, density.reshape(-1, len(grid))[0].to(grid)]))
    return torch.stack(found)
