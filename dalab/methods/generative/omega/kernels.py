r"""Kernel mixture of forecasts, its analysis in closed form, and hidden variables given others.

Forecast members (u_m, mu_m, R_m) with weights w_m and weighted covariance C of (u, mu) stand for

.. math::
    q(u, v) = \sum_m w_m N\Big( (u, v); (u_m, \mu_m), \begin{pmatrix} h^2 C_{11} & h^2 C_{12} \\
      h^2 C_{21} & h^2 C_{22} + R_m \end{pmatrix} \Big) ,

with the bandwidth h. Observations y = H u + N(0, Gamma) move every component by the same gain,

.. math::
    m_m = u_m + K (y - H u_m) , \quad V = h^2 C_{11} - K H h^2 C_{11} , \quad
    w_m \propto w_m N(y; H u_m, h^2 H C_{11} H^T + \Gamma) ,

and the hidden variables follow from the resolved ones x of the analysis,

.. math::
    v | x, m \sim N(\mu_m + C_{21} C_{11}^{-1} (x - u_m), \;
      R_m + h^2 (C_{22} - C_{21} C_{11}^{-1} C_{12})) , \quad
    p(m | x) \propto w_m N(x; u_m, h^2 C_{11}) .

With h to 0 that is a particle filter; one component with the moments of all members, and h = 1, is
a Kalman update of the ensemble. Where every cell is a block of its own, the covariances of the
hidden variables of different cells are left out.

References:
    | Silverman (1986): the bandwidth
    | West (1993): kernels about members that are shrunk towards their mean
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ....systems.conditional_gaussian.base import Gaussian
from ...conditional_gaussian.members import Members
from ...conditional_gaussian.observed import Observed

FLOOR = 1e-12
"""Least eigenvalue of a covariance, relative to the largest one, that is inverted."""


def half_silverman(members: int, dimensions: int) -> float:
    """Half the bandwidth of Silverman's rule for so many members and dimensions."""
    d = dimensions
    return 0.5 * (4 / ((d + 2) * members)) ** (1 / (d + 4))


@dataclass(frozen=True)
class Kernels:
    """Kernel mixture of forecasts.

    Attributes:
        log_weights: of the components, ``(..., K)``.
        u: resolved variables in one row, ``(..., K, D1)``.
        hidden: laws of the hidden variables, mean ``(..., K, blocks, d2)``.
        cov: covariance of the kernels in the resolved variables, ``(..., D1, D1)``.
        gain: regression of the hidden on the resolved variables, ``(..., D2, D1)``.
        added: covariance of the kernels in the hidden variables given the resolved ones,
            ``(..., blocks, d2, d2)``.
    """

    log_weights: Tensor
    u: Tensor
    hidden: Gaussian
    cov: Tensor
    gain: Tensor
    added: Tensor

    @classmethod
    def of(cls, members: Members, bandwidth: float, shrink: bool = False) -> Kernels:
        """Kernels about members.

        Args:
            members: forecasts.
            bandwidth: h.
            shrink: whether members are moved towards their mean by sqrt(1 - h^2), so that the
                kernels do not inflate their covariance.
        """
        u, v = members.u.flatten(-2), members.hidden.mean.flatten(-2)
        mean, cov = moments(torch.cat([u, v], -1), members.weights)
        gain, left = _regression(cov, u.shape[-1])
        if shrink:
            factor = math.sqrt(max(1 - bandwidth**2, 0.0))
            u, v = (
                m.unsqueeze(-2) + factor * (x - m.unsqueeze(-2))
                for x, m in zip((u, v), mean.split([u.shape[-1], v.shape[-1]], -1), strict=True)
            )
        like, d1 = members.hidden.mean, u.shape[-1]
        hidden = Gaussian(v.unflatten(-1, like.shape[-2:]), members.hidden.cov)
        added = bandwidth**2 * diagonal_blocks(left, like.shape[-2])
        inner = bandwidth**2 * cov[..., :d1, :d1]
        return cls(members.log_weights, u, hidden, inner, gain, added)

    @classmethod
    def single(cls, members: Members) -> Kernels:
        """One Gaussian with the mean and the covariance of all members."""
        w = members.weights
        u, v = members.u.flatten(-2), members.hidden.mean.flatten(-2)
        mean, cov = moments(torch.cat([u, v], -1), w)
        d1 = u.shape[-1]
        gain, left = _regression(cov, d1)
        like = members.hidden
        centre = mean[..., d1:].unflatten(-1, like.mean.shape[-2:]).unsqueeze(-3)
        within = torch.einsum("...m,...mbij->...bij", w, like.cov).unsqueeze(-4)
        added = diagonal_blocks(left, like.mean.shape[-2])
        alone = torch.zeros_like(w[..., :1])
        hidden = Gaussian(centre, within)
        return cls(alone, mean[..., None, :d1], hidden, cov[..., :d1, :d1], gain, added)

    def analysed(self, seen: Observed) -> Analysis:
        """Law of the resolved variables after observations."""
        HB = seen.H @ self.cov
        total = HB @ seen.H.mT + torch.diag(seen.variance)
        gain = torch.linalg.solve(total, HB).mT
        e = seen.y.unsqueeze(-2) - self.u @ seen.H.mT
        white = torch.linalg.solve_triangular(torch.linalg.cholesky(total), e.mT, upper=False)
        logw = torch.log_softmax(self.log_weights - white.square().sum(-2) / 2, -1)
        cov = self.cov - gain @ HB
        return Analysis(logw, self.u + e @ gain.mT, (cov + cov.mT) / 2)

    def moved(self, x: Tensor, component: Tensor) -> Gaussian:
        """Law of the hidden variables at ``(..., N, D1)`` given their components ``(..., N)``."""
        u = torch.take_along_dim(self.u, component[..., None], -2)
        mean = torch.take_along_dim(self.hidden.mean, component[..., None, None], -3)
        cov = torch.take_along_dim(self.hidden.cov, component[..., None, None, None], -4)
        shift = (x - u) @ self.gain.mT
        return Gaussian(mean + shift.view(mean.shape), cov + self.added.unsqueeze(-4))

    def averaged(self, x: Tensor) -> Gaussian:
        """Law of the hidden variables at ``(..., N, D1)``, with the moments of the mixture."""
        w = torch.softmax(self.log_memberships(x), -1)
        v = self.hidden.mean - (self.u @ self.gain.mT).view(self.hidden.mean.shape)
        mean = torch.einsum("...nm,...mbi->...nbi", w, v)
        second = self.hidden.cov + v.unsqueeze(-1) * v.unsqueeze(-2)
        cov = torch.einsum("...nm,...mbij->...nbij", w, second)
        cov = cov - mean.unsqueeze(-1) * mean.unsqueeze(-2) + self.added.unsqueeze(-4)
        return Gaussian(mean + (x @ self.gain.mT).view(mean.shape), cov)

    def log_memberships(self, x: Tensor) -> Tensor:
        """Log probabilities of the components given ``(..., N, D1)``, up to constants."""
        values, vectors = torch.linalg.eigh(self.cov)
        least = FLOOR * values[..., -1:].clamp(min=torch.finfo(values.dtype).tiny)
        white = vectors / values.maximum(least).sqrt().unsqueeze(-2)
        apart = torch.cdist(x @ white, self.u @ white)
        return self.log_weights.unsqueeze(-2) - apart.square() / 2


@dataclass(frozen=True)
class Analysis:
    """Mixture of Gaussians of one covariance in the resolved variables.

    Attributes:
        log_weights: normalised, ``(..., K)``.
        means: ``(..., K, D1)``.
        cov: ``(..., D1, D1)``.
    """

    log_weights: Tensor
    means: Tensor
    cov: Tensor

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean ``(..., D1)`` and variances, same shape."""
        w = self.log_weights.exp()
        mean = (w.unsqueeze(-2) @ self.means).squeeze(-2)
        apart = (self.means - mean.unsqueeze(-2)).square()
        between = (w.unsqueeze(-2) @ apart).squeeze(-2)
        return mean, between + self.cov.diagonal(dim1=-2, dim2=-1)


def moments(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``(..., d)`` and covariance of ``(..., M, d)`` with weights ``(..., M)``, unbiased."""
    w = weights.unsqueeze(-1)
    mean = (w * x).sum(-2)
    apart = x - mean.unsqueeze(-2)
    left = 1 - weights.square().sum(-1)
    cov = (w * apart).mT @ apart / left.clamp(min=1e-6)[..., None, None]
    return mean, (cov + cov.mT) / 2


def _regression(cov: Tensor, d1: int) -> tuple[Tensor, Tensor]:
    """Regression of the last variables on the first d1, and what it leaves of their covariance."""
    inverse = torch.linalg.pinv(cov[..., :d1, :d1], rtol=FLOOR, hermitian=True)
    gain = cov[..., d1:, :d1] @ inverse
    left = cov[..., d1:, d1:] - gain @ cov[..., :d1, d1:]
    return gain, (left + left.mT) / 2


def diagonal_blocks(cov: Tensor, blocks: int) -> Tensor:
    """Diagonal blocks ``(..., blocks, d, d)`` of covariances ``(..., blocks d, blocks d)``."""
    size = cov.shape[-1] // blocks
    return torch.stack([
        cov[..., b * size : (b + 1) * size, b * size : (b + 1) * size] for b in range(blocks)
    ], -3)
