"""Reference forecasts, which use no observation: a useful method has to beat them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..random import MemberStreams, stream
from .base import Method, Problem, Step
from .cycling import initial_ensemble
from .filtering import Filter, State


class Climatology(Filter):
    """Draws of the climatological prior, without any observation.

    Their RMSE is about 1.4 for a single draw and 1 for the mean of many, in normalised units. In a
    cycled experiment they are draws of the climate of the system, the same at every time.
    """

    family = "Reference forecasts"
    uses_model = coupled = False

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        yield Step(problem.prior.sample_climatology(streams), 1, 1, note="climate")

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        count = ensemble[..., 0, 0, 0].numel()
        draws = problem.system.sample_climate(count, stream(0, "climatology"))
        return {"ensemble": draws.to(ensemble).reshape(ensemble.shape)}

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        return state

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        return state


class Persistence(Method):
    """Background, or a draw of the climate where there is none, held through the window."""

    family = "Reference forecasts"
    cycles = False

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        first = initial_ensemble(problem, streams)
        window = first[:, None].expand(-1, problem.window[0], -1, -1, -1)
        yield Step(window.clone(), 1, 1, note="held")
