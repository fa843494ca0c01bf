r"""MMPS: moment matching posterior sampling.

The covariance of the window given its noisy version is taken from the denoiser itself by Tweedie's
formula, V = s^2 dD/dx, and the linear system in observation space is solved with
vector-Jacobian products through the denoiser. The implementation is azula's.

References:
    | Rozet et al., Learning diffusion priors from observations (arXiv 2405.13712)

Differences: the background is one more observation; conjugate gradients by default, since the
Jacobian of a Gaussian denoiser is symmetric.
"""

from __future__ import annotations

from collections.abc import Iterator

import param
from azula.guidance.mmps import MMPSDenoiser
from azula.linalg.covariance import DiagonalCovariance
from torch import Tensor

from ..random import MemberStreams
from .base import Problem, Step
from .evidence import Evidence
from .sampler import Diffusion, sample


class MMPS(Diffusion):
    """Moment matching posterior sampling: the denoiser's own covariance, by Tweedie."""

    iterations = param.Integer(3, bounds=(1, 50), doc="solver iterations per step")
    solver = param.Selector(default="cg", objects=["cg", "gmres"], doc="linear solver")

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        prior, evidence = problem.prior, Evidence(problem)
        guided = (
            prior
            if evidence.empty
            else MMPSDenoiser(
                prior,
                y=evidence.data,
                A=evidence.apply,
                cov_y=DiagonalCovariance(evidence.variance),
                solver=self.solver,
                iterations=self.iterations,
            )
        )

        def posterior_mean(x: Tensor, s: float) -> Tensor:
            return guided(x, prior.time(s).to(x)).mean

        stream = sample(posterior_mean, problem.window, streams, self.levels, self.eta)
        for done, (xhat, s) in enumerate(stream, start=1):
            yield Step(xhat, done, self.steps, evaluations=done, note=f"sigma {s:.3g}")
