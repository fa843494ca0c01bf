r"""DPS: diffusion posterior sampling.

After each ancestral step the sample moves down the gradient of the residual's norm,

.. math:: x' \leftarrow x' - \zeta \, \nabla_{x_s} \| y - H(D(x_s, s)) \| ,

with the norm and the gradient of each member by itself, so that results do not depend on the
batch. The residuals are whitened by their assumed standard deviations. The likelihood form is a
score instead, that of N(y; H(D), R): the error of the denoised window counts for nothing, so that
it is right at the last levels only, and diverges where s^2 is far above R unless levels are many.

Target: the climatological prior of windows times the Gaussian likelihood of all observations of the
window, and of the background, which is one more observation.

References:
    | Chung et al., Diffusion posterior sampling for general noisy inverse problems (2209.14687)

Differences: residuals are divided by their standard deviations, so that a background and several
operators can be mixed. The step is ``zeta`` times the mean of these deviations times the square
root of the number of values in a window: the norm grows with the number of observations, and a
bare step would not transfer between grids. The process is the variance-exploding one, in which the
paper's step would grow with the noise level by 1 + s^2. The 1000 steps are the paper's; its zeta of
0.3 to 1, on images of 196,608 values, is 0.0007 to 0.0023 here and hardly moves a window of
two-layer flow to its data, so that the default of 0.01 is dalab's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import param
import torch
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem, Step
from .guidance import guidance
from .guided import Guided
from .stacked_observations import StackedObservations


class DPS(Guided):
    """DPS: diffusion posterior sampling, a gradient step on the residual's norm after each step."""

    steps = param.Integer(1000, bounds=(2, 1000), doc="noise levels from first to last")
    zeta = param.Number(0.01, bounds=(0.0, 100.0), doc="step along the gradient of the norm")
    form = param.Selector(
        default="norm", objects=["norm", "likelihood"],
        doc="a step down the norm after each step, or the score of a likelihood",
    )

    corrections = param.Integer(
        0, bounds=(0, 16), doc="Langevin corrections per level, in the likelihood form"
    )

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        if self.form == "likelihood":
            return super().iterate(problem, streams)
        return self._descend(problem, streams)

    def posterior_mean(self, observations: StackedObservations, x: Tensor, s: float) -> Tensor:
        """Move the denoised window by s^2 times the score of the likelihood form."""
        clean, score = guidance(observations, x, s, lambda d, _: d / observations.variance)
        return self.move(clean, score, s)

    def _descend(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        """Sample in the norm form."""
        observations = StackedObservations(problem)
        x, grid = self.begin(problem, self.grid, streams)
        total = len(grid) - 1
        for done, (s, lower) in enumerate(pairwise(grid), start=1):
            clean, push = self._guidance_by_parts(observations, x, s)
            x = self.advance(x, (x - clean) / s, s, lower, streams) - push
            yield Step(
                x if done == total else clean - push, done, total, done, note=f"sigma {s:.3g}"
            )

    def _guidance_by_parts(
        self, observations: StackedObservations, x: Tensor, s: float
    ) -> tuple[Tensor, Tensor]:
        parts = [self.guidance(observations, part, s) for part in x.split(self.batch)]
        clean, push = zip(*parts, strict=True)
        return torch.cat(clean), torch.cat(push)

    def guidance(
        self, observations: StackedObservations, x: Tensor, s: float
    ) -> tuple[Tensor, Tensor]:
        """Denoised window and the step down the gradient of the residual's norm."""
        std = observations.variance.sqrt()
        scale = self.zeta * math.sqrt(x[0].numel()) * float(std.sum()) / max(len(std), 1)

        def weigh(d: Tensor, _: Tensor) -> Tensor:
            return d / (observations.variance * (d / std).norm(dim=-1, keepdim=True))

        clean, score = guidance(observations, x, s, weigh)
        return clean, -scale * score
