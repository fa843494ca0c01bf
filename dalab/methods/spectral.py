r"""Spectral guidance: the window posterior with a calibrated, homogeneous error covariance.

One denoiser evaluation per step and no backpropagation: at noise level s the denoised window D
has the average error covariance C_s, one small matrix per wavenumber. A background is conditioned
on exactly; the network is linearised statistically about the result; and

.. math::
    (R + \Omega + J C_s J^T) \, a = y - \bar h, \qquad \hat x = D + C_s J^T a

is solved by preconditioned conjugate gradients in observation space.

Origin: dalab's own; the general-covariance case of the estimator in SOAD (arXiv 2407.21314), with a
calibrated covariance, statistical linearisation and an ancestral sampler.
"""

from __future__ import annotations

from collections.abc import Iterator

import param
from torch import Tensor

from ..observations import ObservingNetwork
from ..priors.spectral import SpectralCovariance
from ..random import MemberStreams
from .base import Problem, Step
from .linearise import linearise
from .sampler import Diffusion, sample
from .solve import conjugate_gradients


class SpectralGuidance(Diffusion):
    """Spectral guidance: calibrated covariance per wavenumber, one network call per step."""

    iterations = param.Integer(15, bounds=(1, 500), doc="conjugate-gradient iterations per step")

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:

        def posterior_mean(x: Tensor, s: float) -> Tensor:
            D = problem.prior.denoise(x, s)
            return guided(problem, D, problem.prior.error_covariance(s), self.iterations)

        stream = sample(posterior_mean, problem.window, streams, self.levels, self.eta)
        for done, (xhat, s) in enumerate(stream, start=1):
            yield Step(xhat, done, self.steps, evaluations=done, note=f"sigma {s:.3g}")


def guided(problem: Problem, mean: Tensor, cov: SpectralCovariance, iterations: int) -> Tensor:
    """Mean of N(mean, cov) given the background and the observations.

    Args:
        problem: supplies the background, the network and the data.
        mean: windows ``(members, time, lev, y, x)``.
        cov: their common covariance.
        iterations: conjugate-gradient iterations.
    """
    if problem.background is not None:
        conditioning = cov.condition_on_first(problem.background.std**2)
        mean = conditioning.mean(mean, problem.background.state)
        cov = conditioning.covariance
    if problem.network.size == 0:
        return mean
    return assimilate(problem.network, problem.data, mean, cov, iterations)


def assimilate(
    network: ObservingNetwork, data: Tensor, mean: Tensor, cov: SpectralCovariance, iterations: int
) -> Tensor:
    """Mean of N(mean, cov) given observations alone, the network linearised statistically.

    Args:
        network: the observing network.
        data: observation vector ``(size,)``, or one per member.
        mean: windows ``(members, time, lev, y, x)``.
        cov: their common covariance.
        iterations: conjugate-gradient iterations.
    """
    lin = linearise(network, mean, cov)
    error = network.variance(like=mean) + lin.excess

    def innovation_covariance(v: Tensor) -> Tensor:
        return error * v + lin.forward(cov(lin.adjoint(v)))

    a = conjugate_gradients(
        innovation_covariance,
        data - lin.mean,
        iterations=iterations,
        preconditioner=1 / (error + lin.signal),
    )
    return mean + cov(lin.adjoint(a))
