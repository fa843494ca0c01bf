r"""Conditional means of states given diffused ones, which the score filters are built on.

A path diffuses states to :math:`x_t | x_0 \sim N(A x_0 + B, \Sigma)`, elementwise. All that its
reversal needs is :math:`\hat x = E[x_0 | x_t]`, since the score is

.. math::
    \nabla \log p(x_t) = - \Sigma^{-1} (x_t - A \hat x - B) .

A nonlinear path goes through :math:`a x_0 + (1 - a) H(x_0)` instead, and needs
:math:`\hat H = E[H(x_0) | x_t]` as well.

Without a network both follow from the ensemble, as means of its members under weights that depend
on x_t: of the Gaussian that has the mean and covariance of the ensemble,

.. math::
    \hat x = m + P A^T (A P A^T + \Sigma)^{-1} (x_t - A m - B) ,

or of the mixture of kernels about the members, with weights proportional to
:math:`\exp(- (x_t - A x_j - B)^T \Sigma^{-1} (x_t - A x_j - B) / 2)`. A :class:`Score` is what
makes a conditional mean from the forecasts of one time; a trained network is another one.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ...random import MemberStreams
from ..base import Problem
from ..filtering import State

Time = float | Tensor
"""Pseudo-time: a number, or one for each state, ``(..., 1, 1, 1)``."""


class Path(Protocol):
    """Gaussian path x_t | x_0 ~ N(A x_0 + B, Sigma), elementwise; each ``(lev, y, x)``."""

    def A(self, t: Time) -> Tensor:
        """Factor of the state in the mean."""
        ...

    def B(self, t: Time) -> Tensor:
        """Offset of the mean."""
        ...

    def Sigma(self, t: Time) -> Tensor:
        """Variance given the state."""
        ...


class NonlinearPath(Protocol):
    """Gaussian path x_t | x_0 ~ N(a x_0 + (1 - a) H(x_0), Sigma)."""

    def share(self, t: Time) -> Tensor:
        """Share a of the state itself."""
        ...

    def measure(self, x: Tensor) -> Tensor:
        """H of states ``(..., lev, y, x)``, embedded in a state of the same shape."""
        ...

    def Sigma(self, t: Time) -> Tensor:
        """Variance given the state."""
        ...


class ConditionalMean(Protocol):
    """E[x_0 | x_t] on a :class:`Path`."""

    def estimate(self, x: Tensor, t: Time) -> Tensor:
        """Expected states given diffused members ``(..., N, lev, y, x)``, same shape."""
        ...


class ConditionalMeans(Protocol):
    """E[x_0 | x_t] and E[H(x_0) | x_t] on a :class:`NonlinearPath`."""

    def estimate(self, x: Tensor, t: Time) -> tuple[Tensor, Tensor]:
        """Expected states and measurements given ``(..., N, lev, y, x)``, same shape each."""
        ...


class Score(Protocol):
    """Source of conditional means, one for each analysis.

    What it learns is carried from one analysis to the next in named tensors, beside the ensemble in
    the state of the filter, so that checkpoints hold it.
    """

    def begin(self, problem: Problem) -> State:
        """Named tensors at the first time; none without a network."""
        ...

    def fit(
        self, forecasts: Tensor, path: Path, carried: State, streams: MemberStreams
    ) -> tuple[ConditionalMean, State]:
        """Conditional mean for the forecasts of a time.

        Args:
            forecasts: the ensemble ``(..., N, lev, y, x)``, in the units of the filter.
            path: the path for the observations of that time.
            carried: named tensors of :meth:`begin` or of the analysis before.
            streams: randomness, one stream per member.

        Returns:
            The conditional mean, and the named tensors to carry on.
        """
        ...

    def fit_nonlinear(
        self, forecasts: Tensor, path: NonlinearPath, carried: State, streams: MemberStreams
    ) -> tuple[ConditionalMeans, State]:
        """The same for a path through a nonlinear operator."""
        ...


def prior_score(
    mean: ConditionalMean, path: Path, x: Tensor, t: Time, added: float = 0.0
) -> Tensor:
    """Score of the diffused prior at members ``(..., N, lev, y, x)``, same shape.

    Args:
        mean: E[x_0 | x_t].
        path: the path that it belongs to.
        x: members at pseudo-time t.
        t: pseudo-time.
        added: number added to the variance, as released codes do.
    """
    A, B, Sigma = (v.to(x) for v in (path.A(t), path.B(t), path.Sigma(t)))
    return (A * mean.estimate(x, t) + B - x) / (Sigma + added)
