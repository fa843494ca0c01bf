r"""Scores of diffused forecasts, and of the posterior, without a network.

With :math:`x_t = \alpha x_0 + \beta \zeta`, forecasts :math:`x_j` of mean m and covariance P:

.. math::
    \text{paired:} \quad  - (x^{(j)} - \alpha x_j) / \beta^2, \qquad
    \text{mixture:} \quad - \sum_i w_i (x - \alpha x_i) / \beta^2 ,

and for the Gaussian of the ensemble, with :math:`\hat x = E[x_0 | x_t]`, its derivative J and the
covariance C of :math:`x_0` given :math:`x_t`,

.. math::
    - (\alpha^2 P + \beta^2 I)^{-1} (x - \alpha m) + J^T H^T (H C H^T + R)^{-1} (y - h(\hat x)) ,

the score of the posterior itself where the operator is linear and the forecast Gaussian.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .base import Likelihood, member_weights, mix


def paired_score(x: Tensor, forecasts: Tensor, alpha: float, variance: float) -> Tensor:
    """Score of a kernel about each member's own forecast, ``(..., N, lev, y, x)``."""
    return (alpha / variance * forecasts).sub_(x, alpha=1 / variance)


def mixture_score(x: Tensor, forecasts: Tensor, alpha: float, variance: float) -> Tensor:
    """Score of the mixture of kernels about all forecasts, ``(..., N, lev, y, x)``."""
    weights = member_weights(x, alpha * forecasts, variance**0.5)
    return (alpha * mix(weights, forecasts) - x) / variance


class GaussianPosterior:
    """Score of the posterior of the Gaussian with the mean and covariance of an ensemble.

    All is done in the eigenvectors of the sample covariance, fewer than there are members. What the
    observations see of them is regressed from the observed members, which is exact for linear
    operators and needs no derivative of others.

    Args:
        forecasts: the ensemble ``(..., N, lev, y, x)``.
        likelihood: of the observations.
    """

    def __init__(self, forecasts: Tensor, likelihood: Likelihood) -> None:
        self.likelihood, self.shape = likelihood, forecasts.shape[-3:]
        N = forecasts.shape[-4]
        flat, seen = forecasts.flatten(-3), likelihood.observed(forecasts)
        self.mean = flat.mean(-2, keepdim=True)
        X = (flat - self.mean) / (N - 1) ** 0.5
        Y = (seen - seen.mean(-2, keepdim=True)) / (N - 1) ** 0.5
        members, root, self.basis = torch.linalg.svd(X, full_matrices=False)
        known = torch.finfo(X.dtype)
        root = root.maximum(known.eps**0.5 * root[..., :1]).clamp(min=known.tiny**0.25)
        self.values, self.seen = root.square(), members.mT @ Y / root[..., None]

    def __call__(self, x: Tensor, alpha: float, variance: float) -> Tensor:
        """Score at diffused members ``(..., N, lev, y, x)``, same shape."""
        total = (alpha**2 * self.values + variance).unsqueeze(-2)
        apart = x.flatten(-3) - alpha * self.mean
        inside = apart @ self.basis.mT
        gain = alpha * self.values.unsqueeze(-2) / total
        estimate = self.mean + (gain * inside) @ self.basis
        pulled = gain * self._observed_direction(estimate, variance / total)
        within = (inside / variance - inside / total) + pulled
        return (within @ self.basis - apart / variance).unflatten(-1, self.shape)

    def _observed_direction(self, estimate: Tensor, left: Tensor) -> Tensor:
        """H^T (H C H^T + R)^{-1} (y - h(x)) along the eigenvectors, ``(..., N, r)``.

        Args:
            estimate: E[x_0 | x_t], ``(..., N, d)``.
            left: share of the variance that is left given x_t, ``(..., 1, r)``.
        """
        e = self.likelihood.innovations(estimate.unflatten(-1, self.shape))
        precision = 1 / (left * self.values.unsqueeze(-2))
        system = self.seen @ self.seen.mT + torch.diag_embed(precision.squeeze(-2))
        found = torch.linalg.solve(system, self.seen @ e.mT)
        return found.mT * precision
