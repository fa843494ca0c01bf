r"""SDA: score-based data assimilation.

The likelihood of a noisy window is approximated by a Gaussian about the denoised one,

.. math::
    \log p(y \mid x_s) \approx -\tfrac12 (y - H(D))^T (R + \gamma s^2)^{-1} (y - H(D)),
    \qquad D = D(x_s, s),

and its gradient is taken through the whole denoiser. Langevin corrections, each with a fresh score,
repair much of the bias.

References:
    | Rozet and Louppe, Score-based data assimilation (arXiv 2306.10574, 2310.01853)

Differences: the background is one more observation, with its own error variance. The gradient
includes the identity path of the denoiser; the code released with SOAD (arXiv 2407.21314) as "SDA"
leaves it out, which reverses the sign of the guidance for a Gaussian prior. No corrections are made
at the last two levels, where they only add noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import param
import torch
from torch import Tensor

from ..random import MemberStreams
from .base import Problem, Step
from .evidence import Evidence, likelihood_gradient
from .sampler import Diffusion, ancestral_step


class SDA(Diffusion):
    """Score-based data assimilation: likelihood gradient through the denoiser, with corrector."""

    gamma = param.Number(
        0.1, bounds=(0.0, 10.0), doc="denoiser error variance as a share of the noise variance"
    )
    corrections = param.Integer(1, bounds=(0, 16), doc="Langevin corrections per level")
    tau = param.Number(0.25, bounds=(0.0, 1.0), doc="size of a Langevin correction")
    eta = param.Number(0.0, bounds=(0.0, 1.0), doc="noise renewed per step; 0 is deterministic")

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        evidence = Evidence(problem)
        levels = self.levels
        x = levels[0] * streams.normal(problem.window)
        evaluations = 0
        for done, s in enumerate(levels, start=1):
            corrections = self.corrections if 1 < done < self.steps - 1 else 0
            for _ in range(corrections):
                x = langevin(x, self.posterior_mean(evidence, x, s), s, self.tau, streams)
            xhat = self.posterior_mean(evidence, x, s)
            evaluations += corrections + 1
            yield Step(xhat, done, self.steps, evaluations, note=f"sigma {s:.3g}")
            if done < self.steps:
                noise = streams.normal(problem.window)
                x = ancestral_step(x, xhat, s, levels[done], noise, self.eta)

    def posterior_mean(self, evidence: Evidence, x: Tensor, s: float) -> Tensor:
        """Denoised window moved by s^2 times the likelihood score."""
        if evidence.empty:
            return evidence.problem.prior.denoise(x, s)
        variance = evidence.variance + self.gamma * s**2
        xhat, gradient = likelihood_gradient(evidence, x, s, half_chi_square(variance))
        return xhat - s**2 * gradient


def half_chi_square(variance: Tensor) -> Callable[[Tensor], Tensor]:
    """Minus the Gaussian log-likelihood of residuals ``(members, size)``, one per member."""
    return lambda residual: (residual**2 / (2 * variance)).sum(-1)


def langevin(x: Tensor, xhat: Tensor, s: float, tau: float, streams: MemberStreams) -> Tensor:
    """One Langevin correction at level ``s``, its step set per member from the score's size."""
    e = (x - xhat) / s
    d = tau / (e**2).mean(dim=(1, 2, 3, 4), keepdim=True)
    noise = streams.normal(x.shape[1:])
    return x - s * (d * e + math.sqrt(2.0) * torch.sqrt(d) * noise)
