"""Base class of the filters whose scores are conditional means, of the ensemble or of a network."""

from __future__ import annotations

from typing import ClassVar, Self

import param
from torch import Tensor

from ...errors import InputError
from ...random import MemberStreams
from ...registry import kebab
from ..base import Problem
from ..filtering import State
from .base import GenerativeFilter, Likelihood
from .conditional import Score
from .ensemble_scores import SCORES
from .networks.choice import NEW, chosen_network, new_network
from .networks.fitting import Tuning
from .networks.network_score import NetworkScore, Times

NETWORK = "network"
"""Choice of a trained network as score."""

EVALUATION, TUNING = 7.0, 3.5
"""Time of a step with a network over that of one without, on 64 x 64 cells, and of an epoch of its
tuning over that of such a step."""


class ScoreFilter(GenerativeFilter):
    """Generative filter with a choice of scores. A subclass writes :meth:`draw`."""

    score = param.Selector(
        default="gaussian", objects=[*SCORES, NETWORK],
        doc="forecast distribution: the Gaussian of the ensemble, the mixture of kernels about its "
        "members, or what a network has learnt of the climate and of the members",
    )
    network = param.String(
        "", doc="network of score=network: a bundled one, a file that dalab train wrote, or new, "
        "which learns from the members alone; auto: a bundled one that fits",
    )
    finetune = param.Integer(
        120, bounds=(0, 100_000), doc="epochs over the members for which a network is tuned to the "
        "forecasts of every analysis but the first",
    )
    rate = param.Number(3e-4, bounds=(1e-7, 0.1), doc="learning rate of that tuning")

    times: ClassVar[Times] = (0.0, 1.0)
    """Pseudo-times between which states are diffused."""

    relative_loss: ClassVar[bool] = False
    """True if networks are trained on relative errors."""

    _network_score: NetworkScore | None = None

    def prepare(self, problem: Problem) -> Self:
        chosen = super().prepare(problem)
        if self.score != NETWORK:
            return chosen
        if chosen is self:
            chosen = type(self)(**self.param.values())
        chosen._network_score = self._chosen_network_score(problem)
        return chosen

    def check(self, problem: Problem, members: int) -> None:
        super().check(problem, members)
        if self.score == NETWORK:
            self._check_units()
            kind = self.network_kind(problem)
            if self.network != NEW:
                chosen_network(self.network, kind, problem)

    def effort_of(self, steps: int) -> float:
        """Work of an analysis of some steps, in steps without a network."""
        if self.score != NETWORK:
            return float(steps)
        return EVALUATION * (steps + TUNING * self.finetune)

    def network_kind(self, problem: Problem) -> str:
        """Kind of network that is wanted, as recipes name it.

        Raises:
            InputError: if there is none for this filter or these options.
        """
        raise InputError(
            "score", self.score, f"must be of the ensemble for {kebab(type(self).__name__)}",
            "Use score=gaussian.",
        )

    def observed(self, problem: Problem) -> Tensor | None:
        """Observed variables, ``(lev, y, x)``, for a new network; ``None`` if it needs none."""
        return None

    def _chosen_network_score(self, problem: Problem) -> NetworkScore:
        kind, tuning = self.network_kind(problem), Tuning(self.finetune, rate=self.rate)
        if self.network == NEW:
            heads = 2 if kind.endswith("nonlinear") else 1
            made = new_network(problem.system, heads, self.observed(problem))
            return NetworkScore(made, tuning, self.times, False, self.relative_loss)
        stored = chosen_network(self.network, kind, problem)
        return NetworkScore(stored.network, tuning, self.times, True, self.relative_loss)

    def _check_units(self) -> None:
        if self.units != "normalised":
            raise InputError(
                "units", self.units, "must be normalised for a network, which learnt in them",
                "Leave units out.",
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
        return self._network_score or SCORES[self.score]

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
