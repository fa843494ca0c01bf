r"""SOAD: state-observation augmented diffusion.

The prior is one over augmented windows (:mod:`dalab.priors.denoisers.augmented`), so that an
observation is a selection P of their channels and every operator is linear. With the augmented
prior taken for N(0, c^2 I),

.. math::
    S = R + \frac{c^2 s^2}{c^2 + s^2}, \qquad
    \nabla \log p(y \mid z_s) = J^T P^T S^{-1} (y - P D) .

The forward-diffusion corrector overwrites the observed entries with the data, diffused to level s,
where s exceeds the error of the observation,

.. math:: P z \leftarrow y + \sqrt{s^2 - R} \; \xi .

Target: the climatological prior of augmented windows times the Gaussian likelihood of all
observations of the window. All defaults of ``soad`` are those of the released code.

References:
    | Zheng et al., State-observation augmented diffusion model (arXiv 2407.21314) and its code

``soad`` is the method as released. It differs from the paper, as the code does: the background
enters through the forward-diffusion corrector alone; the guidance is capped; one score serves all
corrections of a level and the step after them, which leaves too much variance at small scales.
``soad-repaired`` puts the background into the likelihood, takes a fresh score for each correction
and makes none at the last two levels. Differences of both: the cap is per member, as the released
one is for a batch of one; the errors of the operators may differ.

S takes the errors of the entries of D for independent. Those of a smooth field are not, and
observations of neighbouring cells are counted several times over: without the cap the guidance of
turbulence diverges. Nor can augmented windows be white where an operator is linear.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, cast

import param
from torch import Tensor

from ...observations import ObservingNetwork
from ...priors.denoisers.augmented import AugmentedPrior, selection
from ...random import MemberStreams
from ..base import Problem, Step
from .guidance import guidance
from .guided import Guided
from .stacked_observations import StackedObservations


class SOAD(Guided):
    """SOAD as released: state-observation augmented diffusion, needs an augmented prior."""

    uses_augmented = True
    final_levels_without_correction: ClassVar[int] = 0

    steps = param.Integer(256, bounds=(2, 1000), doc="noise levels from first to last")
    eta = param.Number(0.0, bounds=(0.0, 1.0), doc="noise renewed per step; 0 is deterministic")
    corrections = param.Integer(5, bounds=(0, 16), doc="Langevin corrections per level")
    schedule = param.Selector(
        default="cosine", objects=["power", "cosine"],
        doc="noise levels: power, from sigma_max to sigma_min; cosine, published, 1000 to 0.001",
    )
    width = param.Number(
        1.0, bounds=(0.01, 100.0), doc="assumed standard deviation c of augmented windows"
    )
    forward = param.Boolean(True, doc="use the forward-diffusion corrector")
    background = param.Selector(
        default="forward", objects=["forward", "likelihood", "both"],
        doc="where a background enters: the forward-diffusion corrector, the likelihood, or both",
    )
    reuse_score = param.Boolean(True, doc="reuse one score for all corrections and the next step")
    cap_guidance = param.Boolean(True, doc="bound the guidance at every entry")
    start = param.Selector(default="noise", objects=["noise"], precedence=-1)
    turn = param.Number(2.0, precedence=-1)

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        lev = problem.window[1]
        for step in super().iterate(select_channels(problem), streams):
            yield replace(step, estimate=step.estimate[..., :lev, :, :])

    def posterior_mean(self, observations: StackedObservations, x: Tensor, s: float) -> Tensor:
        """Move the denoised augmented window by s^2 times the likelihood score."""
        if self.background == "forward":
            observations = StackedObservations(replace(observations.problem, background=None))
        variance = observations.variance + (self.width * s) ** 2 / (self.width**2 + s**2)
        clean, score = guidance(observations, x, s, lambda d, _: d / variance)
        return self.move(clean, score, s)

    def postprocess(
        self, observations: StackedObservations, x: Tensor, s: float, streams: MemberStreams
    ) -> Tensor:
        """Apply the forward-diffusion corrector at level ``s``."""
        problem, seen = observations.problem, observations.problem.background
        if not self.forward:
            return x
        x = x.clone()
        pieces = problem.network.split(problem.data)
        for instrument, values in zip(problem.network.instruments, pieces, strict=True):
            std = float(instrument.assumed_std or instrument.std)
            if s > std:
                fields = x[..., instrument.operator.part, :, :]
                fresh = diffuse(values, std, s, streams)
                fields += instrument.put(fresh - instrument.take(fields))
        if seen is not None and self.background != "likelihood" and s > seen.std:
            x[:, 0, : len(seen.state)] = diffuse(seen.state, seen.std, s, streams)
        return x


def diffuse(values: Tensor, std: float, s: float, streams: MemberStreams) -> Tensor:
    """Add the noise of level ``s`` to values with error ``std``, one draw per member."""
    return values + math.sqrt(s**2 - std**2) * streams.normal(values.shape)


def select_channels(problem: Problem) -> Problem:
    """Turn a problem into one of augmented windows; instruments select their channels."""
    augmented = cast(AugmentedPrior, problem.augmented)
    instruments = tuple(
        replace(i, operator=selection(i, augmented.channels)) for i in problem.network.instruments
    )
    return replace(problem, prior=augmented, network=ObservingNetwork(instruments))


class SOADRepaired(SOAD):
    """SOAD-repaired: the background in the likelihood, a fresh score for every correction.

    The default of 64 levels with 2 corrections is meant for turbulence. Where augmented windows are
    all but singular it keeps too much spread, and the published 256 levels with 5 are worth their
    price (1,528 evaluations).
    """

    final_levels_without_correction: ClassVar[int] = 2

    steps = param.Integer(64, bounds=(2, 1000), doc="noise levels from first to last")
    corrections = param.Integer(2, bounds=(0, 16), doc="Langevin corrections per level")
    background = param.Selector(
        default="likelihood", objects=["forward", "likelihood", "both"],
        doc="where a background enters: the forward-diffusion corrector, the likelihood, or both",
    )
    reuse_score = param.Boolean(False, doc="reuse one score for all corrections and the next step")
