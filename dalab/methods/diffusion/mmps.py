r"""MMPS: moment matching posterior sampling.

The covariance of the window given its noisy version is taken from the denoiser itself by Tweedie's
formula, V = s^2 dD/dx, and the linear system in observation space is solved with
vector-Jacobian products through the denoiser. The implementation is azula's.

References:
    | Rozet et al., Learning diffusion priors from observations (arXiv 2405.13712)

Differences: the background is one more observation; conjugate gradients by default, since the
Jacobian of a Gaussian denoiser is symmetric; the corrector is that of SDA, where the paper's is
x <- x - tau (x - xhat) + sqrt(2 tau) s z with tau 0.1. Each iteration costs one more
backpropagation through the network, which the count of evaluations leaves out.
"""

from __future__ import annotations

import param
from azula.guidance.mmps import MMPSDenoiser
from azula.linalg.covariance import DiagonalCovariance
from torch import Tensor

from .guided import Guided
from .stacked_observations import StackedObservations


class MMPS(Guided):
    """Moment matching posterior sampling: the denoiser's own covariance, by Tweedie."""

    iterations = param.Integer(3, bounds=(1, 50), doc="solver iterations per step")
    solver = param.Selector(default="cg", objects=["cg", "gmres"], doc="linear solver")

    def posterior_mean(self, observations: StackedObservations, x: Tensor, s: float) -> Tensor:
        """Move the denoised window by s^2 times the likelihood score."""
        prior = observations.problem.prior
        if observations.empty:
            return prior.denoise(x, s)
        guided = MMPSDenoiser(
            prior,
            y=observations.data,
            A=observations.apply,
            cov_y=DiagonalCovariance(observations.variance),
            solver=self.solver,
            iterations=self.iterations,
        )
        return guided(x, prior.time(s).to(x)).mean
