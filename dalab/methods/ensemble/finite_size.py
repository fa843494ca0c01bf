r"""Prior of the weights of a small ensemble, which does not take its covariance for the true one.

The mean and the covariance of the forecast are unknown, and the members are draws that tell about
them. Integrated over both, with Jeffreys' prior, the Gaussian of the weights w becomes a Student's
t, and the cost of the analysis

.. math::
    J(w) = \tfrac12 |d - Y^T w|^2 + \tfrac{N - 1}{2} c \ln(\varepsilon + |w|^2),
    \qquad \varepsilon = 1 + 1/N, \quad c = N / (N - 1),

in the notation of :mod:`dalab.methods.ensemble.subspace`. At its minimum w solves the equations of
the Kalman filter with

.. math:: \zeta = \frac{(N - 1) \, c}{\varepsilon + |w|^2} ,

which is also where the dual cost, of the one number zeta,

.. math::
    D(\zeta) = d^T (Y^T Y / \zeta + I)^{-1} d + \varepsilon \zeta - (N - 1) \, c \ln \zeta ,

is least. So zeta is found first, in one dimension, and the analysis is then that of a Kalman filter
with its forecast inflated by the root of (N - 1) / zeta.

The constants are corrected for the observations that tell little, so that without any the ensemble
is left as it is: with tau the mean share of the forecast variance that they leave,

.. math::
    \varepsilon \leftarrow x_N \, \varepsilon / m, \quad c \leftarrow x_N \, c \, m, \quad
    m = (\varepsilon / c)^{\tau / 2}, \quad
    \tau = \tfrac1N \sum_i \frac{N - 1}{N - 1 + s_i} .

References:
    | Bocquet, Ensemble Kalman filtering without the intrinsic need for inflation (2011)
    | Bocquet and Sakov, Combining inflation-free and iterative ensemble Kalman filters (2012)
    | Bocquet, Raanes and Hannart, Expanding the validity of the ensemble Kalman filter without
      the intrinsic need for inflation (2015): the correction, equation 36, and x_N
    | DAPPER: the form of the constants, with its g = 0
"""

from __future__ import annotations

import torch
from torch import Tensor

from .subspace import Modes

RANGE, POINTS, REFINEMENTS = 14.0, 65, 12
"""Range of ln zeta that is searched, points of the first search, and iterations of the second."""


def hyperprior(modes: Modes, xN: float) -> tuple[Tensor, Tensor]:
    """Constants epsilon and c of the prior of the weights, each ``(...,)``.

    Args:
        modes: of the observed anomalies.
        xN: factor on both; above 1 it trusts the ensemble more.
    """
    N = modes.members
    epsilon, c = (N + 1) / N, N / (N - 1)
    left = ((N - 1) / (N - 1 + modes.s)).mean(-1)
    correction = torch.pow(epsilon / c, left / 2)
    return xN * epsilon / correction, xN * c * correction


def primal_zeta(modes: Modes, w: Tensor, xN: float) -> Tensor:
    """Weight zeta of the prior at given weights ``(..., N)``, ``(...,)``."""
    epsilon, c = hyperprior(modes, xN)
    return (modes.members - 1) * c / (epsilon + w.square().sum(-1))


def dual_zeta(modes: Modes, b: Tensor, xN: float) -> Tensor:
    """Weight zeta of the prior at the minimum of the dual cost, ``(...,)``.

    The cost may have several minima. It is tabulated first, and the lowest is refined by Newton's
    method, kept within the neighbours of the best point.

    Args:
        modes: of the observed anomalies Y.
        b: Y d, ``(..., N)``.
        xN: see :func:`hyperprior`.
    """
    epsilon, c = hyperprior(modes, xN)
    dual = Dual(modes.s, modes.components(b).square(), epsilon, (modes.members - 1) * c)
    grid = torch.linspace(-RANGE, 0, POINTS).to(b) + dual.largest.unsqueeze(-1)
    best = dual.cost(grid).argmin(-1, keepdim=True)
    u, low, high = (
        grid.gather(-1, (best + k).clamp(0, POINTS - 1)).squeeze(-1) for k in (0, -1, 1)
    )
    for _ in range(REFINEMENTS):
        slope, curvature = dual.derivatives(u)
        low, high = torch.where(slope > 0, low, u), torch.where(slope > 0, u, high)
        newton = u - slope / curvature
        inside = (curvature > 0) & (newton >= low) & (newton <= high)
        u = torch.where(inside, newton, (low + high) / 2)
    return u.exp()


class Dual:
    """Dual cost as a function of u = ln zeta, up to a constant.

    Args:
        s: eigenvalues, ``(..., N)``.
        squares: squared components of Y d, ``(..., N)``.
        epsilon: constant of the prior, ``(...,)``.
        weight: (N - 1) c, ``(...,)``.
    """

    def __init__(self, s: Tensor, squares: Tensor, epsilon: Tensor, weight: Tensor) -> None:
        self.s, self.squares, self.epsilon, self.weight = s, squares, epsilon, weight

    @property
    def largest(self) -> Tensor:
        """Largest u at which the cost may be least, ``(...,)``: that of perfect forecasts."""
        return (self.weight / self.epsilon).log()

    def cost(self, u: Tensor) -> Tensor:
        """Cost at points ``(..., K)``."""
        zeta = u.exp()
        fit = (self.squares.unsqueeze(-2) / (zeta.unsqueeze(-1) + self.s.unsqueeze(-2))).sum(-1)
        return self.epsilon.unsqueeze(-1) * zeta - self.weight.unsqueeze(-1) * u - fit

    def derivatives(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """First and second derivative at ``(...,)``."""
        zeta = u.exp().unsqueeze(-1)
        ratio = self.squares * zeta / (zeta + self.s).square()
        bend = ratio * (self.s - zeta) / (zeta + self.s)
        linear = self.epsilon * zeta.squeeze(-1)
        return ratio.sum(-1) + linear - self.weight, bend.sum(-1) + linear
