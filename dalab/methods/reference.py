"""Two yardsticks that look at no observation: what a method has to beat to be of any use."""

from __future__ import annotations

from collections.abc import Iterator

from ..random import MemberStreams
from .base import Method, Problem, Step
from .cycling import initial_ensemble


class Climatology(Method):
    """Draws of the climate: windows that know the statistics of the flow and nothing else.

    Their RMSE is about 1.4 for a single draw and 1 for the mean of many, in normalised units.
    """

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        yield Step(problem.prior.sample_climatology(streams), 1, 1, note="climate")


class Persistence(Method):
    """The background, or where there is none a draw of the climate, held through the window."""

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        first = initial_ensemble(problem, streams)
        window = first[:, None].expand(-1, problem.window[0], -1, -1, -1)
        yield Step(window.clone(), 1, 1, note="held")
