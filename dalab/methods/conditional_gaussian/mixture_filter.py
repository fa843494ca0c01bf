"""Base class of the filters whose members are Gaussian in the hidden variables."""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ...errors import InputError
from ...random import MemberStreams
from ...systems.conditional_gaussian.base import ConditionalGaussian, Gaussian
from ..base import Problem
from ..ensemble.base import EnsembleFilter
from ..ensemble.particle import effective_size, resample
from ..filtering import State
from .marginals import marginal_density
from .members import Members, Units, follow_paths, integrate, normal_numbers
from .observed import check_observations, conditional_gaussian
from .recursions import draw

PARTS = ("log_weights", "resolved", "hidden_mean", "hidden_cov")
"""Names of the parts of a mixture in the state of a filter."""


class MixtureFilter(EnsembleFilter):
    """Filter of a conditional Gaussian system that carries a mixture over its resolved variables.

    Every member is a weight, the resolved variables, and the Gaussian law of the hidden ones given
    the path that the member has taken; ``ensemble`` holds a draw of each. At the start the hidden
    variables of every member are known, as in the ensemble that it is given.
    """

    paths = param.Selector(
        default="innovations", objects=["innovations", "model"],
        doc="forecasts: resolved variables with the hidden ones integrated out at every time step, "
        "or along paths of the whole model; the same law if the model is conditional Gaussian",
    )

    def check(self, problem: Problem, members: int) -> None:
        super().check(problem, members)
        check_observations(problem, conditional_gaussian(problem.system))
        if problem.model_error is not None:
            raise InputError(
                "model error", "known to the methods", "must not be, for the noise of conditional "
                "Gaussian systems is part of their equations", "Leave model_error out.",
            )

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        u, v = conditional_gaussian(problem.system).split(ensemble.double())
        cov = v.new_zeros(*v.shape, v.shape[-1])
        equal = torch.zeros(ensemble.shape[:-3], dtype=torch.float64, device=ensemble.device)
        return state_of(Members(equal, u, Gaussian(v, cov)), problem, ensemble)

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        system = conditional_gaussian(problem.system)
        units = Units(system, state["ensemble"].device)
        advance = integrate if self.paths == "innovations" else follow_paths
        ahead = advance(
            system, units.physical(members_of(state)), steps * system.steps_per_interval, generator
        )
        found = units.normalised(ahead)
        normal = normal_numbers(found.hidden.mean, generator)
        return state_of(found, problem, drawn(found, system, normal, state["ensemble"]))

    def mean(self, state: State) -> Tensor:
        return state["mean"]

    def estimate(self, state: State, streams: MemberStreams) -> Tensor:
        logw, x = state["log_weights"], state["ensemble"]
        if torch.equal(logw.amin(-1), logw.amax(-1)):
            return x
        return resample(x, logw, streams)

    def diagnostics(self, state: State) -> dict[str, Tensor]:
        return {"effective_particles": state["effective"]}

    def marginal(self, state: State, field: int, grid: Tensor) -> Tensor | None:
        return marginal_density(members_of(state), field, grid)


def members_of(state: State) -> Members:
    """The mixture of a state."""
    logw, u, mean, cov = (state[name] for name in PARTS)
    return Members(logw, u, Gaussian(mean, cov))


def state_of(
    members: Members, problem: Problem, ensemble: Tensor, effective: Tensor | None = None
) -> State:
    """State of a filter from a mixture.

    Args:
        members: the mixture.
        problem: holds the system.
        ensemble: a draw of every member, ``(..., M, lev, y, x)``.
        effective: effective members of the analysis; those of the weights if left out.
    """
    system = conditional_gaussian(problem.system)
    parts = dict(zip(PARTS, (members.log_weights, members.u, *members.hidden), strict=True))
    if effective is None:
        effective = effective_size(members.log_weights)
    mean = mixture_mean(members, system).to(ensemble)
    return {"ensemble": ensemble, **parts, "mean": mean, "effective": effective}


def mixture_mean(members: Members, system: ConditionalGaussian) -> Tensor:
    """Mean of a mixture, ``(..., lev, y, x)``."""
    means = system.join(members.u, members.hidden.mean)
    return torch.einsum("...n,...nlyx->...lyx", members.weights, means)


def drawn(
    members: Members, system: ConditionalGaussian, normal: Tensor, like: Tensor
) -> Tensor:
    """A draw of every member, ``(..., M, lev, y, x)``.

    Args:
        members: the mixture.
        system: the system.
        normal: standard normal numbers shaped like the hidden variables.
        like: tensor of the type wanted.
    """
    return system.join(members.u, draw(members.hidden, normal.to(members.u))).to(like)


def hidden_normal(members: Members, streams: MemberStreams) -> Tensor:
    """Standard normal numbers shaped like the hidden variables, from streams of the members."""
    shape = members.hidden.mean.shape
    return streams.normal((*shape[:-3], *shape[-2:])).movedim(0, -3).to(members.u)
