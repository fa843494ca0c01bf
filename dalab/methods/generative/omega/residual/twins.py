"""Examples of a residual score, from twin trajectories of a system and its baseline filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from .....random import MemberStreams, TimeStreams, stream
from ....base import Problem
from ....conditional_gaussian.members import Members
from ....conditional_gaussian.mixture_filter import members_of
from ....conditional_gaussian.observed import conditional_gaussian, observations
from ....filtering import State
from ..kernels import Analysis, Kernels
from ..langevin import MixtureScore, noise_range
from .context import Context, context_of

POOL, BURN_IN, NOISES = 2000, 20, 12
"""States of the climate that members start from, first cycles left out, noises on every state."""


class BaselineFilter(Protocol):
    """Filter beside which a residual is learnt, as :class:`dalab.methods.filtering.Filter`."""

    @property
    def members(self) -> int: ...
    def check(self, problem: Problem, members: int) -> None: ...
    def begin(self, ensemble: Tensor, problem: Problem) -> State: ...
    def forecast(
        self, state: State, problem: Problem, steps: int, generator: torch.Generator | None
    ) -> State: ...
    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State: ...
    def kernels(self, members: Members) -> Kernels: ...


@dataclass(frozen=True)
class Examples:
    """Noised true states with what a residual should say of them.

    Attributes:
        x: noised states ``(n, D1)``.
        sigma: noise levels ``(n, 1)``.
        target: -(s_b + noise / sigma), ``(n, D1)``.
        context: parts ``(n, ...)``.
        trajectory: number of the trajectory, ``(n,)``.
    """

    x: Tensor
    sigma: Tensor
    target: Tensor
    context: Context
    trajectory: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor) -> Examples:
        """Some of the examples, by their numbers or as a mask."""
        context = Context(*(part[index] for part in self.context))
        return Examples(
            self.x[index], self.sigma[index], self.target[index], context, self.trajectory[index]
        )


def joined(examples: list[Examples]) -> Examples:
    """Examples of several cycles as one."""
    def cat(parts: list[Tensor]) -> Tensor:
        return torch.cat(parts)

    context = Context(*(cat(list(p)) for p in zip(*(e.context for e in examples), strict=True)))
    return Examples(
        cat([e.x for e in examples]), cat([e.sigma for e in examples]),
        cat([e.target for e in examples]), context, cat([e.trajectory for e in examples]),
    )


def twin_examples(
    method: BaselineFilter, problem: Problem, members: int, trajectories: int, cycles: int,
    seed: int,
) -> Iterator[Examples]:
    """Examples of every cycle after the burn-in.

    Args:
        method: the baseline filter, without a residual.
        problem: holds system and network of one time.
        members: of the filter.
        trajectories: independent truths, which are filtered at once.
        cycles: of each.
        seed: of all randomness.
    """
    system = conditional_gaussian(problem.system)
    source = stream(seed, "twins")
    pool = system.sample_climate(POOL, source)
    truth = pool[torch.randint(POOL, (trajectories,), generator=source)]
    chosen = torch.randint(POOL, (trajectories, members), generator=source)
    state = method.begin(pool[chosen], problem)
    std = problem.network.variance(like=truth).sqrt()
    for cycle in range(cycles):
        truth = system.step(truth, 1, source)
        state = method.forecast(state, problem, 1, source)
        clean = problem.network.apply(truth.unsqueeze(-4))
        data = clean + std * torch.randn(clean.shape, generator=source, dtype=torch.float64)
        now = replace(problem, data=data)
        if cycle >= BURN_IN:
            yield _examples(method, state, now, truth, source)
        streams = TimeStreams(source, members, dtype=torch.float64)
        state = method.assimilate(state, now, streams)


def _examples(
    method: BaselineFilter, state: State, problem: Problem, truth: Tensor,
    source: torch.Generator,
) -> Examples:
    system = conditional_gaussian(problem.system)
    seen = observations(problem.network, problem.data, system)
    kernels = method.kernels(members_of(state))
    analysis = kernels.analysed(seen)
    context = context_of(kernels, analysis, seen, system)
    u = system.split(truth)[0].flatten(-2).unsqueeze(-2).expand(-1, NOISES, -1)
    return noised(u, analysis, context, source)


def noised(u: Tensor, analysis: Analysis, context: Context, source: torch.Generator) -> Examples:
    """Examples of true states ``(n, k, D1)``, each with k noises, and their analyses."""
    first, last = (level[:, None, None] for level in noise_range(analysis))
    share = torch.rand(*u.shape[:2], 1, generator=source, dtype=torch.float64)
    sigma = first ** (1 - share) * last**share
    noise = torch.randn(u.shape, generator=source, dtype=torch.float64)
    x = u + sigma * noise
    # levels differ within an analysis: each is an analysis of its own for the score
    repeated = Analysis(*(part.unsqueeze(1) for part in (
        analysis.log_weights, analysis.means, analysis.cov)))
    score = MixtureScore(repeated)(x.unsqueeze(-2), sigma.unsqueeze(-2)).squeeze(-2)
    target = -(score + noise / sigma)
    trajectory = torch.arange(len(u)).repeat_interleave(u.shape[1])
    repeat = Context(*(part.repeat_interleave(u.shape[1], 0).float() for part in context))
    x, sigma, target = (part.flatten(0, 1).float() for part in (x, sigma, target))
    return Examples(x, sigma, target, repeat, trajectory)
