"""Base class of the filters whose scores are conditional means, of the ensemble or of a network."""

from __future__ import annotations

import param
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem
from ..filtering import State
from .base import GenerativeFilter, Likelihood
from .conditional import Score
from .ensemble_scores import SCORES


class ScoreFilter(GenerativeFilter):
    """Generative filter with a choice of scores. A subclass writes :meth:`draw`."""

    score = param.Selector(
        default="gaussian", objects=list(SCORES),
        doc="forecast distribution: the Gaussian of the ensemble, or the mixture of kernels about "
        "its members",
    )

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        return {"ensemble": ensemble, **self.chosen_score().begin(problem)}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        likelihood = Likelihood(problem.network, problem.data, self._system)
        carried = {name: value for name, value in state.items() if name != "ensemble"}
        x = self.in_units(state["ensemble"])
        found, carried = self.draw(x, likelihood, carried, streams)
        return {"ensemble": self.finished(found), **carried}

    def sample(self, x: Tensor, likelihood: Likelihood, streams: MemberStreams) -> Tensor:
        return self.draw(x, likelihood, {}, streams)[0]

    def chosen_score(self) -> Score:
        """Source of the conditional means."""
        return SCORES[self.score]

    def draw(
        self, x: Tensor, likelihood: Likelihood, carried: State, streams: MemberStreams
    ) -> tuple[Tensor, State]:
        """Draw the analysis.

        Args:
            x: forecasts ``(..., N, lev, y, x)``, in the units of the filter.
            likelihood: of the observations.
            carried: what the score has learnt, by name.
            streams: randomness, one stream per member.

        Returns:
            The analysed ensemble, same shape and units, and what the score carries on.
        """
        raise NotImplementedError
