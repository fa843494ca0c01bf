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
from .guidance import limit_push
from .sampler import Diffusion, ancestral_step
from .stacked_observations import StackedObservations

ETA = 1e-3
"""Signal left at t = 1, and noise left at t = 0, of the cosine schedule."""


class Guided(Diffusion):
    """Diffusion method that moves the denoised window towards the data at each level.

    Attributes:
        reuse_score: true if the corrections of a level, and the step after them, reuse the score
            from before them; a fresh one otherwise.
        final_levels_without_correction: number of levels at the end without corrections, which
            would only add noise there.
        cap_guidance: true if the guidance is capped.
    """

    reuse_score: ClassVar[bool] = False
    final_levels_without_correction: ClassVar[int] = 2
    cap_guidance: ClassVar[bool] = False

    corrections = param.Integer(0, bounds=(0, 16), doc="Langevin corrections per level")
    tau = param.Number(0.25, bounds=(0.0, 1.0), doc="size of a Langevin correction")
    schedule = param.Selector(
        default="power", objects=["power", "cosine"],
        doc="noise levels: power, from sigma_max to sigma_min; cosine, published, 1000 to 0.001",
    )
    batch = param.Integer(32, bounds=(1, 4096), doc="members per evaluation: bounds the memory")

    @property
    def effort(self) -> float:
        return self.steps * (1 if self.reuse_score else 1 + self.corrections)

    @property
    def grid(self) -> list[float]:
        """Visited noise levels, and the final one.

        If the final levels are corrected, the last of the cosine schedule is visited too.
        """
        if self.schedule == "power":
            return [*self.levels, 0.0]
        levels = cosine_levels(self.steps)
        return levels if self.final_levels_without_correction else [*levels, levels[-1]]

    def posterior_mean(self, observations: StackedObservations, x: Tensor, s: float) -> Tensor:
        """Estimate of E[x | x_s, data] for windows ``(members, time, lev, y, x)``."""
        raise NotImplementedError

    def move(self, clean: Tensor, score: Tensor, s: float) -> Tensor:
        """Move the denoised window by s^2 times the likelihood score, capped if asked for."""
        push = s**2 * score
        return clean + (limit_push(push, s) if self.cap_guidance else push)

    def postprocess(
        self, observations: StackedObservations, x: Tensor, s: float, streams: MemberStreams
    ) -> Tensor:
        """Correct windows at level ``s`` after each move; this one leaves them as they are."""
        return x

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        observations = StackedObservations(problem)
        x, grid = self.begin(problem, self.grid, streams)
        total, evaluations = len(grid) - 1, 0
        last_corrected = total - self.final_levels_without_correction
        for done, (s, lower) in enumerate(pairwise(grid), start=1):
            corrections = self.corrections if 1 < done <= last_corrected else 0
            x, xhat, e = self.correct(observations, x, s, corrections, streams)
            evaluations += 1 if self.reuse_score else 1 + corrections
            x = self.advance(x, e, s, lower, streams)
            if lower > 0:
                x = self.postprocess(observations, x, lower, streams)
            estimate = x if done == total else xhat
            yield Step(estimate, done, total, evaluations, note=f"sigma {s:.3g}")

    def correct(
        self,
        observations: StackedObservations,
        x: Tensor,
        s: float,
        corrections: int,
        streams: MemberStreams,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Apply Langevin corrections; return the window, its posterior mean and the last e."""
        xhat = self._posterior_mean(observations, x, s)
        e = (x - xhat) / s
        for _ in range(corrections):
            x = self.postprocess(observations, langevin(x, e, s, self.tau, streams), s, streams)
            if not self.reuse_score:
                xhat = self._posterior_mean(observations, x, s)
                e = (x - xhat) / s
        return x, xhat, e

    def advance(
        self, x: Tensor, e: Tensor, s: float, lower: float, streams: MemberStreams
    ) -> Tensor:
        """Step from level ``s`` to ``lower`` along ``e``."""
        noise = streams.normal(x.shape[1:]) if self.eta > 0 and lower > 0 else 0.0
        return ancestral_step(x, x - s * e, s, lower, noise, self.eta)

    def _posterior_mean(self, observations: StackedObservations, x: Tensor, s: float) -> Tensor:
        parts = x.split(self.batch)
        return torch.cat([self.posterior_mean(observations, part, s).detach() for part in parts])


def cosine_levels(steps: int) -> list[float]:
    """Noise levels of the cosine-squared schedule from t = 1 to t = 0, ``steps + 1`` of them."""
    omega = math.acos(math.sqrt(ETA))
    mus = [math.cos(omega * (1 - i / steps)) ** 2 for i in range(steps + 1)]
    return [math.sqrt(1 - mu**2 + ETA**2) / mu for mu in mus]


def langevin(x: Tensor, e: Tensor, s: float, tau: float, streams: MemberStreams) -> Tensor:
    """Apply one Langevin correction at level ``s``, its size set per member by that of ``e``."""
    d = tau / (e**2).mean(dim=tuple(range(1, e.ndim)), keepdim=True)
    return x - s * (d * e + math.sqrt(2.0) * torch.sqrt(d) * streams.normal(x.shape[1:]))
