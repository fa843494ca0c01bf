r"""Conditional means without a network: of the Gaussian of an ensemble, and of its mixture.

With anomalies of the members in the r columns of F (the covariance is :math:`F F^T`, r less than
the number of members and at most the number of variables), the Gaussian has

.. math::
    \hat x = m + F w, \qquad
    w = (I + F^T A \Sigma^{-1} A F)^{-1} F^T A \Sigma^{-1} (x_t - A m - B) ,

so nothing larger than r x r is solved, on any grid. Nonlinear paths have the same formula with the
anomalies of :math:`a x + (1 - a) H(x)` in place of A F. There is no localisation: the covariance
of a small ensemble is as wrong far away as it is in an ETKF.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem
from ..filtering import State
from .base import mix
from .conditional import (
    ConditionalMean,
    ConditionalMeans,
    NonlinearPath,
    Path,
    Time,
)


class GaussianMean:
    """E[x_0 | x_t] of the Gaussian with the mean and covariance of an ensemble.

    Args:
        forecasts: the ensemble ``(..., N, lev, y, x)``.
        path: the path on which it is diffused.
    """

    def __init__(self, forecasts: Tensor, path: Path) -> None:
        self.path = path
        self.mean, self.factor = factor(forecasts)

    def estimate(self, x: Tensor, t: Time) -> Tensor:
        A, B, Sigma = (v.to(x) for v in (self.path.A(t), self.path.B(t), self.path.Sigma(t)))
        weights = posterior_weights(A * self.factor, x - A * self.mean - B, Sigma)
        return self.mean + mix(weights, self.factor)


class GaussianMeans:
    """E[x_0 | x_t] and E[H(x_0) | x_t] of the joint Gaussian of states and measurements.

    Args:
        forecasts: the ensemble ``(..., N, lev, y, x)``.
        path: the path on which it is diffused.
    """

    def __init__(self, forecasts: Tensor, path: NonlinearPath) -> None:
        self.path = path
        mean, columns = factor(torch.cat([forecasts, path.measure(forecasts)], -3))
        levels = forecasts.shape[-3]
        self.means = mean.split(levels, -3)
        self.factors = columns.split(levels, -3)

    def estimate(self, x: Tensor, t: Time) -> tuple[Tensor, Tensor]:
        a, Sigma = self.path.share(t).to(x), self.path.Sigma(t).to(x)
        (m, mh), (F, Fh) = self.means, self.factors
        weights = posterior_weights(a * F + (1 - a) * Fh, x - a * m - (1 - a) * mh, Sigma)
        return m + mix(weights, F), mh + mix(weights, Fh)


class MixtureMean:
    """E[x_0 | x_t] of the mixture of kernels about the members of an ensemble.

    In many dimensions the weights settle on one member, and the samples on copies of members.

    Args:
        forecasts: the ensemble ``(..., N, lev, y, x)``.
        path: the path on which it is diffused.
    """

    def __init__(self, forecasts: Tensor, path: Path) -> None:
        self.forecasts, self.path = forecasts, path

    def estimate(self, x: Tensor, t: Time) -> Tensor:
        A, B, Sigma = (v.to(x) for v in (self.path.A(t), self.path.B(t), self.path.Sigma(t)))
        return mix(kernel_weights(x, A * self.forecasts + B, Sigma), self.forecasts)


class MixtureMeans:
    """E[x_0 | x_t] and E[H(x_0) | x_t] of the mixture of kernels about the members.

    Args:
        forecasts: the ensemble ``(..., N, lev, y, x)``.
        path: the path on which it is diffused.
    """

    def __init__(self, forecasts: Tensor, path: NonlinearPath) -> None:
        self.forecasts, self.path, self.measured = forecasts, path, path.measure(forecasts)

    def estimate(self, x: Tensor, t: Time) -> tuple[Tensor, Tensor]:
        a, Sigma = self.path.share(t).to(x), self.path.Sigma(t).to(x)
        weights = kernel_weights(x, a * self.forecasts + (1 - a) * self.measured, Sigma)
        return mix(weights, self.forecasts), mix(weights, self.measured)


class EnsembleScore:
    """Score of an ensemble as it is: nothing is learnt, nothing carried.

    Args:
        linear: conditional mean of forecasts on a path.
        nonlinear: conditional means of forecasts on a nonlinear path.
    """

    def __init__(
        self, linear: Callable[[Tensor, Path], ConditionalMean],
        nonlinear: Callable[[Tensor, NonlinearPath], ConditionalMeans],
    ) -> None:
        self.linear, self.nonlinear = linear, nonlinear

    def begin(self, problem: Problem) -> State:
        return {}

    def fit(
        self, forecasts: Tensor, path: Path, carried: State, streams: MemberStreams
    ) -> tuple[ConditionalMean, State]:
        return self.linear(forecasts, path), carried

    def fit_nonlinear(
        self, forecasts: Tensor, path: NonlinearPath, carried: State, streams: MemberStreams
    ) -> tuple[ConditionalMeans, State]:
        return self.nonlinear(forecasts, path), carried


SCORES = {
    "gaussian": EnsembleScore(GaussianMean, GaussianMeans),
    "mixture": EnsembleScore(MixtureMean, MixtureMeans),
}
"""Scores by the names that they have as options."""


def factor(members: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of an ensemble ``(..., N, lev, y, x)`` and a factor of its covariance.

    Returns:
        The mean ``(..., 1, lev, y, x)`` and columns ``(..., r, lev, y, x)`` whose outer products
        add up to the sample covariance, r the smaller of members and variables.
    """
    N, shape = members.shape[-4], members.shape[-3:]
    mean = members.mean(-4, keepdim=True)
    X = (members - mean).flatten(-3) / (N - 1) ** 0.5
    if X.shape[-1] < N:
        values, vectors = torch.linalg.eigh(X.mT @ X)
        X = values.clamp(min=0).sqrt()[..., None] * vectors.mT
    return mean, X.unflatten(-1, shape)


def posterior_weights(columns: Tensor, apart: Tensor, variance: Tensor) -> Tensor:
    """Expectation of w ~ N(0, I) given ``apart`` = columns w + noise, ``(..., N, r)``.

    Args:
        columns: ``(..., r, lev, y, x)``.
        apart: ``(..., N, lev, y, x)``.
        variance: of the noise, ``(lev, y, x)``.
    """
    V = (columns / variance.sqrt()).flatten(-3)
    e = (apart / variance.sqrt()).flatten(-3)
    # squares of V span more digits than single precision has, once the noise is small
    gram = V.double() @ V.double().mT
    system = gram + torch.eye(V.shape[-2]).to(gram)
    return torch.linalg.solve(system, (V @ e.mT).double()).mT.to(V)


def kernel_weights(x: Tensor, centres: Tensor, variance: Tensor) -> Tensor:
    """Posterior weights of Gaussian kernels given samples of their mixture, ``(..., N, J)``.

    Args:
        x: samples ``(..., N, lev, y, x)``.
        centres: of the kernels, ``(..., J, lev, y, x)``.
        variance: of all kernels, ``(lev, y, x)``.
    """
    std = variance.sqrt()
    apart = torch.cdist(
        (x / std).flatten(-3), (centres / std).flatten(-3),
        compute_mode="donot_use_mm_for_euclid_dist",
    )
    return torch.softmax(-apart.square() / 2, -1)
