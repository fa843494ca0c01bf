"""Base class of the filters: methods that correct a forecast whenever there are observations.

A filter carries a state of named tensors from one time to the next, at least an ensemble
``(..., N, lev, y, x)`` whose leading axes hold independent repeats. In a window the times are its
steps; a cycled experiment calls the same three functions for as long as it runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..errors import InputError
from ..machine import available_memory
from ..observations import ObservingNetwork
from ..random import MemberStreams
from .base import Method, Problem, Step
from .cycling import initial_ensemble, pad, problem_at

State = dict[str, Tensor]
"""The state that a filter carries, by name; ``ensemble`` is ``(..., N, lev, y, x)``."""


class Filter(Method):
    """Method that alternates forecasts and analyses.

    A subclass has to write :meth:`analysis` only, unless it carries more than an ensemble: then it
    overrides :meth:`begin`, :meth:`forecast` and :meth:`assimilate`, which say what it carries.
    """

    uses_model = True
    coupled = True
    uses_prior = False

    # --- what it carries --------------------------------------------------------------------------

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        """State at the first time, before its observations.

        Args:
            ensemble: draws of the initial distribution, ``(..., N, lev, y, x)``.
            problem: the problem, of which network and data may be those of any time.
        """
        return {"ensemble": ensemble}

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        """State some steps of the model later; told of a model error, members take draws of it.

        Args:
            state: state after the last analysis.
            problem: holds the forecast model.
            steps: intervals of the system.
            generator: source of the randomness of a stochastic model.
        """
        return {**state, "ensemble": forecast(problem, state["ensemble"], steps, generator)}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        """State after the observations of its time.

        Args:
            state: forecast.
            problem: holds the network of that one time and its data, ``(..., size)``.
            streams: randomness, one stream per member.
        """
        found = self.analysis(state["ensemble"], problem.network, problem.data, streams)
        return {**state, "ensemble": found}

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        """Correct forecasts with the observations of their time.

        Args:
            ensemble: normalised forecasts ``(..., N, lev, y, x)``.
            network: network of that one step, not empty.
            data: its observations, ``(..., size)``.
            streams: randomness, one stream per member.

        Returns:
            The analysed ensemble, same shape.
        """
        raise NotImplementedError

    def estimate(self, state: State, streams: MemberStreams) -> Tensor:
        """Equally probable members of a state, ``(..., N, lev, y, x)``."""
        return state["ensemble"]

    def mean(self, state: State) -> Tensor:
        """Best estimate of a state, ``(..., lev, y, x)``: the mean of its members."""
        return state["ensemble"].mean(-4)

    @property
    def past_times(self) -> int:
        """Times before the present one that an analysis corrects; 0 for a filter."""
        return 0

    def smoothed(self, state: State) -> Tensor:
        """Members of the last times, corrected since then, ``(..., N, times, lev, y, x)``.

        The newest comes last; filters that are no smoothers have only that.
        """
        return state["ensemble"].unsqueeze(-4)

    def diagnostics(self, state: State) -> dict[str, Tensor]:
        """Numbers about the last analysis by name, one per repeat, such as particle counts."""
        return {}

    def analysis_stages(self, state: State) -> dict[str, Tensor]:
        """Members along the last analysis by name, ``(..., N, lev, y, x)``, for pictures.

        In the order in which they were passed, normalised; empty for a filter that keeps none, and
        before the first analysis.
        """
        return {}

    def marginal(self, state: State, field: int, grid: Tensor) -> Tensor | None:
        """Density of one variable of a state, if the filter has one that is not of its members.

        For systems of one cell, whose pictures show densities.

        Args:
            state: state after an analysis.
            field: number of the variable.
            grid: normalised values, ``(G,)``.

        Returns:
            The density per normalised unit, ``(..., G)``; ``None`` for an estimate from members.
        """
        return None

    def initial_ensemble(self, problem: Problem, streams: MemberStreams) -> Tensor:
        """States of the first time, ``(members, lev, y, x)``: of the background, or the climate."""
        return initial_ensemble(problem, streams)

    # --- a window ---------------------------------------------------------------------------------

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        total, window = problem.window[0], []
        state = self.begin(self.initial_ensemble(problem, streams), problem)
        for k in range(total):
            if k > 0:
                state = self.forecast(state, problem, 1, streams.generators[0])
            now = problem_at(problem, k)
            if now.network.size and is_finite(state):
                state = self.assimilate(state, now, streams)
            window = self._extended(window, state, streams)
            yield Step(
                pad(window, total), k + 1, total, note=self.note(k, state),
                warning=self.warning(state),
            )

    def _extended(
        self, window: list[Tensor], state: State, streams: MemberStreams
    ) -> list[Tensor]:
        """The estimates of all times so far, with those that the last analysis has corrected."""
        past = self.smoothed(state).unbind(-4)[:-1]
        return [*window[: len(window) - len(past)], *past, self.estimate(state, streams)]

    def note(self, k: int, state: State) -> str:
        """Progress note after step ``k``."""
        return f"step {k}, {spread_note(state['ensemble'])}"

    def warning(self, state: State) -> str:
        """Reason not to trust the last analysis; empty if there is none."""
        return ""

    def check(self, problem: Problem, members: int) -> None:
        """Raise before any work if the analysis cannot be done.

        Raises:
            InputError: if it would not fit in memory.
        """
        needed = members * self.floats(problem, members) * problem.data.element_size()
        if problem.data.device.type == "cpu" and needed > available_memory():
            raise InputError(
                "ensemble", members, f"must fit in memory, and needs {needed / 2**30:.0f} GiB here",
                "Use fewer members, or a smaller grid.",
            )  # fmt: skip

    def floats(self, problem: Problem, members: int) -> int:
        """Numbers held in memory by the largest step of the method, per member, to its order."""
        state = torch.Size(problem.window[1:]).numel()
        return 4 * (problem.window[0] * state + problem.network.size)


def forecast(
    problem: Problem, x: Tensor, steps: int, generator: torch.Generator | None
) -> Tensor:
    """Forecasts of states ``(..., lev, y, x)``, with draws of the model error that is known.

    Args:
        problem: holds the forecast model and the covariance of its error.
        x: states.
        steps: intervals of the system.
        generator: source of all randomness.
    """
    if problem.model_error is None:
        return problem.system.step(x, steps, generator)
    for _ in range(steps):
        normal = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x)
        error = problem.model_error.sample(normal.unsqueeze(-4)).squeeze(-4)
        x = problem.system.step(x, 1, generator) + error
    return x


def is_finite(state: State) -> bool:
    """True if every number of the ensemble of a state is finite."""
    return bool(state["ensemble"].abs().amax() < torch.inf)


def spread_note(x: Tensor) -> str:
    """Root-mean-square spread of an ensemble ``(N, ...)``, in words."""
    spread = float(x.var(0).mean().sqrt())
    return "spread 0: the ensemble has collapsed" if spread == 0 else f"spread {spread:.3g}"
