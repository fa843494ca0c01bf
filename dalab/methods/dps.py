r"""DPS: diffusion posterior sampling.

After each ancestral step the sample moves down the gradient of the residual's norm,

.. math:: x' \leftarrow x' - \zeta \, \nabla_{x_s} \| y - H(D(x_s, s)) \| ,

with the norm and the gradient of each member by itself, so that results do not depend on the
batch. The residuals are whitened by their assumed standard deviations.

References:
    | Chung et al., Diffusion posterior sampling for general noisy inverse problems (2209.14687)

Differences: residuals are divided by their standard deviations, so that a background and several
operators can be mixed. The step is ``zeta`` times the mean of these deviations times the square
root of the number of values in a window: the norm grows with the number of observations, and a
bare step would not transfer between grids.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import param
import torch
from torch import Tensor

from ..random import MemberStreams
from .base import Problem, Step
from .evidence import Evidence, likelihood_gradient
from .sampler import Diffusion, ancestral_step


class DPS(Diffusion):
    """Diffusion posterior sampling: a gradient step on the residual's norm after each step."""

    zeta = param.Number(0.1, bounds=(0.0, 100.0), doc="step along the gradient of the norm")

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        evidence = Evidence(problem)
        levels = self.levels
        x = levels[0] * streams.normal(problem.window)
        for done, s in enumerate(levels, start=1):
            xhat, push = self.guidance(evidence, x, s)
            yield Step(xhat - push, done, self.steps, done, note=f"sigma {s:.3g}")
            if done < self.steps:
                noise = streams.normal(problem.window)
                x = ancestral_step(x, xhat, s, levels[done], noise, self.eta) - push

    def guidance(self, evidence: Evidence, x: Tensor, s: float) -> tuple[Tensor, Tensor]:
        """Denoised window and the step down the gradient of the residual's norm."""
        if evidence.empty:
            return evidence.problem.prior.denoise(x, s), torch.zeros_like(x)
        std = evidence.variance.sqrt()
        scale = self.zeta * math.sqrt(x[0].numel()) * float(std.mean())
        xhat, gradient = likelihood_gradient(evidence, x, s, lambda d: (d / std).norm(dim=-1))
        return xhat, scale * gradient
