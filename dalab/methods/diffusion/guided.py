r"""Sampling with guidance: predictor steps, Langevin corrections, two grids of noise levels.

With e = (x - xhat) / s at level s, a correction is

.. math:: x \leftarrow x - s \, (d \, e + \sqrt{2 d} \, z), \qquad d = \tau / \overline{e^2} ,

with the mean over one member. The grids are the lab's own (:mod:`dalab.methods.diffusion.sampler`)
and the "cosine squared" schedule of the published samplers, here in the variance-exploding form:
with mu(t) = cos^2(omega t), cos^2(omega) = 10^-3 and sigma^2 = 1 - mu^2 + 10^-6, the level is s =
sigma / mu. Their exponential-integrator predictor is the step with eta = 0.

References:
    | Rozet and Louppe, Score-based data assimilation (arXiv 2306.10574): predictor and corrector
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

import param
import torch
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem, Step
from .evidence import Evidence
from .guidance import capped
from .sampler import Diffusion, ancestral_step

ETA = 1e-3
"""Signal left at t = 1, and noise left at t = 0, of the cosine schedule."""


class Guided(Diffusion):
    """A diffusion method that moves the denoised window towards the data at each level.

    Attributes:
        stale: whether the corrections of a level, and the step after them, reuse the score from
            before them; a fresh one otherwise.
        quiet: levels at the end without corrections, which would only add noise there.
        cap: whether the guidance is capped.
    """

    stale: ClassVar[bool] = False
    quiet: ClassVar[int] = 2
    cap: ClassVar[bool] = False

    corrections = param.Integer(0, bounds=(0, 16), doc="Langevin corrections per level")
    tau = param.Number(0.25, bounds=(0.0, 1.0), doc="size of a Langevin correction")
    schedule = param.Selector(
        default="power", objects=["power", "cosine"],
        doc="noise levels: power, from sigma_max to sigma_min; cosine, published, 1000 to 0.001",
    )
    batch = param.Integer(32, bounds=(1, 4096), doc="members per evaluation: bounds the memory")

    @property
    def grid(self) -> list[float]:
        """The levels that are visited, and the one to end at.

        With no quiet levels the last of the cosine schedule is visited too, for its corrections.
        """
        if self.schedule == "power":
            return [*self.levels, 0.0]
        levels = cosine_levels(self.steps)
        return levels if self.quiet else [*levels, levels[-1]]

    def posterior_mean(self, evidence: Evidence, x: Tensor, s: float) -> Tensor:
        """Estimate of E[x | x_s, data] for windows ``(members, time, lev, y, x)``."""
        raise NotImplementedError

    def moved(self, clean: Tensor, score: Tensor, s: float) -> Tensor:
        """The denoised window moved by s^2 times the likelihood score, capped if so wanted."""
        push = s**2 * score
        return clean + (capped(push, s) if self.cap else push)

    def settle(self, evidence: Evidence, x: Tensor, s: float, streams: MemberStreams) -> Tensor:
        """What is done to a window at level ``s`` after each move: nothing."""
        return x

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        evidence, grid = Evidence(problem), self.grid
        total, evaluations = len(grid) - 1, 0
        x = grid[0] * streams.normal(problem.window)
        for done, (s, lower) in enumerate(pairwise(grid), start=1):
            corrections = self.corrections if 1 < done <= total - self.quiet else 0
            x, xhat, e = self.correct(evidence, x, s, corrections, streams)
            evaluations += 1 if self.stale else 1 + corrections
            x = self.advance(x, e, s, lower, streams)
            if lower > 0:
                x = self.settle(evidence, x, lower, streams)
            estimate = x if done == total else xhat
            yield Step(estimate, done, total, evaluations, note=f"sigma {s:.3g}")

    def correct(
        self, evidence: Evidence, x: Tensor, s: float, corrections: int, streams: MemberStreams
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The window after its corrections, the last posterior mean and the last e."""
        xhat = self._guided(evidence, x, s)
        e = (x - xhat) / s
        for _ in range(corrections):
            x = self.settle(evidence, langevin(x, e, s, self.tau, streams), s, streams)
            if not self.stale:
                xhat = self._guided(evidence, x, s)
                e = (x - xhat) / s
        return x, xhat, e

    def advance(
        self, x: Tensor, e: Tensor, s: float, lower: float, streams: MemberStreams
    ) -> Tensor:
        """From level ``s`` to ``lower`` along ``e``."""
        noise = streams.normal(x.shape[1:]) if self.eta > 0 and lower > 0 else 0.0
        return ancestral_step(x, x - s * e, s, lower, noise, self.eta)

    def _guided(self, evidence: Evidence, x: Tensor, s: float) -> Tensor:
        parts = x.split(self.batch)
        return torch.cat([self.posterior_mean(evidence, part, s).detach() for part in parts])


def cosine_levels(steps: int) -> list[float]:
    """``steps + 1`` noise levels of the cosine-squared schedule, from t = 1 to t = 0."""
    omega = math.acos(math.sqrt(ETA))
    mus = [math.cos(omega * (1 - i / steps)) ** 2 for i in range(steps + 1)]
    return [math.sqrt(1 - mu**2 + ETA**2) / mu for mu in mus]


def langevin(x: Tensor, e: Tensor, s: float, tau: float, streams: MemberStreams) -> Tensor:
    """One Langevin correction at level ``s``, its step set per member from the size of ``e``."""
    d = tau / (e**2).mean(dim=tuple(range(1, e.ndim)), keepdim=True)
    return x - s * (d * e + math.sqrt(2.0) * torch.sqrt(d) * streams.normal(x.shape[1:]))
