r"""Rao-Blackwellised particle filter of a conditional Gaussian system.

Particles in the resolved variables u alone, each with the Gaussian law of the hidden ones given its
path. The hidden variables are integrated out of every step, and the weights are

.. math:: w_j \propto w_j \, N(y; H u_j, \Gamma) .

Target: the exact filter as the particles become many, for observations of the resolved variables;
it needs far fewer of them than a particle filter of the whole state, whose weights it has for the
resolved part. With 100 000 particles it is the reference for other filters of these systems.

The members of the result are equally probable draws; the mean is that of the mixture.

References:
    | Doucet, de Freitas, Murphy and Russell (2000): Rao-Blackwellised particle filtering
    | Chen and Majumdar (2018): conditional Gaussian mixtures
    | Kitagawa (1996): systematic resampling
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem
from ..ensemble.particle import effective_size, systematic_indices
from ..filtering import State
from .members import Members
from .mixture_filter import (
    MixtureFilter,
    drawn,
    hidden_normal,
    members_of,
    mixture_mean,
    state_of,
)
from .observed import Observed, conditional_gaussian, observations


class RBPF(MixtureFilter):
    """Rao-Blackwellised particle filter: exact for conditional Gaussian systems and many particles.

    Raises:
        InputError: for a system that is not conditional Gaussian, or observations that are not
            linear in its resolved variables alone.
    """

    family = "Exact and particles"

    members = param.Integer(200, bounds=(2, 100_000), doc="particles, all kept in the result")
    threshold = param.Number(
        0.5, bounds=(0.0, 1.0), doc="share of effective particles below which they are resampled"
    )

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        system = conditional_gaussian(problem.system)
        seen = observations(problem.network, problem.data, system)
        members = members_of(state)
        logw = reweighted(members, seen)
        found = Members(logw, *members[1:])
        effective, mean = effective_size(logw), mixture_mean(found, system)
        poor = effective < self.threshold * logw.shape[-1]
        if poor.any():
            found = _where(poor, found.take(systematic_indices(logw, streams)), found)
        draws = drawn(found, system, hidden_normal(found, streams), state["ensemble"])
        return {**state_of(found, problem, draws, effective), "mean": mean.to(draws)}

    def note(self, k: int, state: State) -> str:
        count = state["log_weights"].shape[-1]
        return f"step {k}, {float(state['effective'].mean()):.1f} of {count} particles effective"


def reweighted(members: Members, seen: Observed) -> Tensor:
    """Log weights of members after observations, the largest of which is 0, ``(..., M)``."""
    misfit = seen.y.unsqueeze(-2) - members.u.flatten(-2) @ seen.H.mT
    logw = members.log_weights - (misfit.square() / seen.variance).sum(-1) / 2
    return logw - logw.amax(-1, keepdim=True)


def _where(chosen: Tensor, first: Members, second: Members) -> Members:
    """Members of the first mixture for the chosen repeats, of the second one for all others."""
    def pick(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(chosen.view(*chosen.shape, *[1] * (a.ndim - chosen.ndim)), a, b)

    u, mean, cov = (
        pick(a, b) for a, b in
        ((first.u, second.u), *zip(first.hidden, second.hidden, strict=True))
    )
    return Members(pick(first.log_weights, second.log_weights), u, type(first.hidden)(mean, cov))
