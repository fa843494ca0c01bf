"""Reference forecasts, which use no observation: a useful method has to beat them."""

from __future__ import annotations

from collections.abc import Iterator

from ..random import MemberStreams
from .base import Method, Problem, Step
from .cycling import initial_ensemble


class Climatology(Method):
    """Draws of the climatological prior, without any observation.

    Their RMSE is about 1.4 for a single draw and 1 for the mean of many, in normalised units.
    """

    family = "Reference forecasts"

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        yield Step(problem.prior.sample_climatology(streams), 1, 1, note="climate")


class Persistence(Method):
    """Background, or a draw of the climate where there is none, held through the window."""

    family = "Reference forecasts"

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        first = initial_ensemble(problem, streams)
        window = first[:, None].expand(-1, problem.window[0], -1, -1, -1)
        yield Step(window.clone(), 1, 1, note="held")
