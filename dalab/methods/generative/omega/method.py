r"""Omega: members and Gaussians for a conditional Gaussian system, and a learnt residual score.

The system is linear in its hidden variables v given the path of the resolved ones u. Members carry
a path of u and the Gaussian law of v given it, in closed form; only the law of u needs members:

1. forecast: u with v integrated out of every time step, or along paths of the whole model; the
   law of v follows by the exact recursions (:mod:`dalab.methods.conditional_gaussian`);
2. baseline: the mixture of kernels about the members, its analysis in closed form
   (:mod:`.kernels`);
3. a network adds to the score of that analysis the residual that denoising score matching finds in
   simulated trajectories alone (:mod:`.residual`), and annealed Langevin dynamics moves draws of
   the baseline along the sum (:mod:`.langevin`); without a network there is nothing to move, and
   draws of the baseline are the analysis;
4. the law of v at the u that has moved, in closed form.

Target: the posterior of u and v given all observations, as members and training grow.

A reconstruction: the paper is known to us by its abstract, which names the four parts and nothing
of how they are made. Kernels, bandwidth, context, network, schedule of the noise and the
preconditioned steps are ours.

``regime=path`` is for resolved variables that are observed exactly at every time step: all members
then share one Gaussian, which is exact.

References:
    | Behnoudfar and Chen (2026, arXiv 2606.20920), the abstract
    | Chen and Majumdar (2018): conditional Gaussian nonlinear systems
    | Vincent (2011): denoising score matching; Song and Ermon (2019): annealed Langevin dynamics
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import param
import torch
from torch import Tensor

from ....random import MemberStreams
from ...base import Problem
from ...conditional_gaussian import path
from ...conditional_gaussian.members import Members
from ...conditional_gaussian.mixture_filter import (
    MixtureFilter,
    drawn,
    hidden_normal,
    members_of,
    state_of,
)
from ...conditional_gaussian.observed import conditional_gaussian, observations
from ...conditional_gaussian.recursions import root
from ...ensemble.particle import effective_size, systematic_indices
from ...filtering import State
from .kernels import Analysis, Kernels, half_silverman
from .langevin import Annealing, MixtureScore, Residual, anneal, noise_range
from .residual.context import Context, context_of
from .residual.learning import learnt_residual
from .residual.network import ResidualNetwork
from .residual.stored import StoredResidual, residual_for

NONE, NEW = "none", "new"
"""Choices of no residual, and of one that is learnt for the problem."""

FEW = 50
"""Most members whose kernels are shrunk unless an option says otherwise."""


class Omega(MixtureFilter):
    """Gaussian-mixture filter of a conditional Gaussian system, with a learnt residual score.

    Raises:
        InputError: for a system that is not conditional Gaussian, observations that are not linear
            in its resolved variables alone, or, with ``regime=path``, not exact and complete at
            every time step.
    """

    family = "Score and flow filters"

    members = param.Integer(
        100, bounds=(2, 100_000), doc="members, all kept in the result; those of the experiment if "
        "these are more",
    )
    regime = param.Selector(
        default="discrete", objects=["discrete", "path"],
        doc="observations: noisy and now and then, or exact and at every time step",
    )
    baseline = param.Selector(
        default="mixture", objects=["mixture", "gaussian"],
        doc="law of the forecasts: kernels about the members, or one Gaussian with their moments",
    )
    bandwidth = param.Number(
        None, bounds=(0.0, 1.0), allow_None=True, step=0.05,
        doc="width of the kernels over the spread of the members; auto: half of Silverman's rule",
    )
    shrink = param.Selector(
        default="auto", objects=["auto", "on", "off"],
        doc="move members to their mean so that kernels add no spread; auto: up to 50 members",
    )
    sampler = param.Selector(
        default="auto", objects=["auto", "direct", "preconditioned", "classic"],
        doc="draws of the baseline, or moved by Langevin dynamics that know its covariance or not; "
        "auto: moved if there is a residual",
    )
    levels = param.Integer(12, bounds=(1, 100), doc="noise levels of the Langevin dynamics")
    steps = param.Integer(60, bounds=(1, 10_000), doc="Langevin steps at every level")
    rate = param.Number(0.1, bounds=(1e-4, 1.0), doc="size of a Langevin step")
    network = param.String(
        "none", doc="residual score: none, the name of a bundled one, a file that dalab train "
        "wrote, new, which is learnt in minutes and kept, or auto, a bundled one if one fits",
    )
    reconstruction = param.Selector(
        default="draw", objects=["draw", "moments"],
        doc="hidden variables of a member that has moved: those of one kernel that is drawn, or a "
        "Gaussian with the moments of all",
    )

    _residual: StoredResidual | None = None

    def prepare(self, problem: Problem) -> Self:
        if self.regime == "path" or self.network == NONE or self.sampler == "direct":
            return self
        super().check(problem, 1)
        chosen = type(self)(**self.param.values())
        if self.network == NEW:
            chosen._residual = learnt_residual(self, self.baseline, problem)
        else:
            chosen._residual = residual_for(self.network, self.baseline, problem)
        return chosen

    def check(self, problem: Problem, members: int) -> None:
        super().check(problem, members)
        if self.regime == "path":
            path.check_path(problem)
        elif self.network not in (NONE, NEW):
            residual_for(self.network, self.baseline, problem)

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        return path.begin(ensemble) if self.regime == "path" else super().begin(ensemble, problem)

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        if self.regime == "path":
            return path.forecast(state, problem, steps, generator)
        return super().forecast(state, problem, steps, generator)

    def estimate(self, state: State, streams: MemberStreams) -> Tensor:
        return state["ensemble"] if self.regime == "path" else super().estimate(state, streams)

    def diagnostics(self, state: State) -> dict[str, Tensor]:
        return {} if self.regime == "path" else super().diagnostics(state)

    def marginal(self, state: State, field: int, grid: Tensor) -> Tensor | None:
        if self.regime == "path":
            return path.marginal(state, field, grid)
        return super().marginal(state, field, grid)

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        if self.regime == "path":
            return path.assimilate(state, problem, streams)
        system = conditional_gaussian(problem.system)
        seen = observations(problem.network, problem.data, system)
        kernels = self.kernels(members_of(state))
        analysis = kernels.analysed(seen)
        residual = None
        if self._residual is not None:
            context = context_of(kernels, analysis, seen, system)
            residual = residual_score(self._residual.network, context)
        found = self.moved(kernels, analysis, members_of(state), streams, residual)
        draws = drawn(found, system, hidden_normal(found, streams), state["ensemble"])
        return state_of(found, problem, draws, effective_size(analysis.log_weights))

    def kernels(self, members: Members) -> Kernels:
        """The baseline of forecasts."""
        if self.baseline == "gaussian":
            return Kernels.single(members)
        count, d1 = members.u.shape[-3], members.u.shape[-2:].numel()
        h = half_silverman(count, d1) if self.bandwidth is None else self.bandwidth
        shrink = count <= FEW if self.shrink == "auto" else self.shrink == "on"
        return Kernels.of(members, h, shrink)

    def moved(
        self, kernels: Kernels, analysis: Analysis, like: Members, streams: MemberStreams,
        residual: Residual | None = None,
    ) -> Members:
        """Equally probable members of the analysis.

        Args:
            kernels: the baseline.
            analysis: its analysis.
            like: members, for their shapes.
            streams: randomness, one stream per member.
            residual: score that is added, if there is one.
        """
        normal = _normal(like, streams)
        x, component = draw_mixture(analysis, normal, streams)
        if residual is not None or self.sampler in ("preconditioned", "classic"):
            levels = noise_range(analysis)
            x = anneal(MixtureScore(analysis), x, levels, self._annealing, normal, residual)
            component = draw_components(kernels, x, normal())
        if self.reconstruction == "moments" and self.baseline == "mixture":
            hidden = kernels.averaged(x)
        else:
            hidden = kernels.moved(x, component)
        return Members(torch.zeros_like(like.log_weights), x.view(like.u.shape), hidden)

    @property
    def _annealing(self) -> Annealing:
        return Annealing(self.levels, self.steps, self.rate, self.sampler != "classic")


def residual_score(network: ResidualNetwork, context: Context) -> Residual:
    """Residual score of one analysis."""
    told = context.on_members()

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        return network(x, sigma, told)

    return score


def _normal(like: Members, streams: MemberStreams) -> Callable[[], Tensor]:
    """Standard normal numbers ``(..., M, D1)``, new ones at every call."""
    lead, size = like.u.shape[:-3], like.u.shape[-2:].numel()
    return lambda: streams.normal((*lead, size)).movedim(0, -2).to(like.u)


def draw_mixture(
    analysis: Analysis, normal: Callable[[], Tensor], streams: MemberStreams
) -> tuple[Tensor, Tensor]:
    """Draws of an analysed mixture, ``(..., N, D1)``, and their components, ``(..., N)``."""
    if analysis.means.shape[-2] == 1:
        lead = (*analysis.means.shape[:-2], len(streams))
        index = torch.zeros(lead, dtype=torch.long, device=analysis.means.device)
    else:
        index = systematic_indices(analysis.log_weights, streams)
    centres = torch.take_along_dim(analysis.means, index[..., None], -2)
    return centres + normal() @ root(analysis.cov).mT, index


def draw_components(kernels: Kernels, x: Tensor, normal: Tensor) -> Tensor:
    """Components of a mixture that states ``(..., N, D1)`` may belong to, ``(..., N)``.

    Args:
        kernels: the mixture.
        x: the states.
        normal: standard normal numbers shaped like them, of which the first column is used.
    """
    edges = torch.softmax(kernels.log_memberships(x), -1).cumsum(-1)
    level = torch.special.ndtr(normal[..., :1])
    return torch.searchsorted(edges, level.contiguous()).squeeze(-1).clamp(max=edges.shape[-1] - 1)

