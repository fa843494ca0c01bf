r"""Particle flow filter: members flow from the forecast to the posterior, unweighted.

Target: at every step, the forecast prior, a Gaussian with the localised covariance of the ensemble
of model forecasts, times the Gaussian likelihood of the observations of that step.

In pseudo-time s every member i follows the steepest descent of the Kullback-Leibler divergence
from the posterior in a reproducing-kernel space, preconditioned by the localised forecast
covariance B,

.. math::
    \frac{d x_i}{d s} = B \, u_i , \qquad
    u_i = \frac1N \sum_j \big[ K(x_j, x_i) \nabla \log p(x_j | y) + \nabla_{x_j} K(x_j, x_i) \big] ,

.. math::
    \nabla \log p(x | y) = J(x)^T R^{-1} (y - h(x)) - B^{-1} (x - \bar x^f) , \qquad
    K_a(x, z) = \exp \Big( - \frac{(x_a - z_a)^2}{2 \alpha B_{aa}} \Big), \quad \alpha = 1 / N .

The kernel is a diagonal matrix, one factor per variable: with one scalar for all, members would not
repel each other in observed variables of a large state, and collapse there.

References:
    | Hu and van Leeuwen (2021), A particle flow filter for high-dimensional system applications
    | Pulido and van Leeuwen (2019): particle flow in a kernel space

What differs: B^{-1} (x - xbar) is solved for once, by conjugate gradients, and then carried along,
since x changes only by B u; no member moves further than half a forecast standard deviation in
one step. The pseudo-time step grows while the flow slows down, and shrinks when it does not.
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ...notes import note
from ...observations import ObservingNetwork
from ...random import MemberStreams
from ..base import Problem
from ..gaussian.cg import conjugate_gradients
from ..gaussian.likelihood import likelihood_gradient
from .base import EnsembleFilter
from .localisation import Taper, localised_product, taper
from .stencil import Stencil, is_small

GROWTH, SHORTENING, FARTHEST = 1.2, 0.5, 0.5
NOTHING = -80.0
"""Logarithm below which a kernel counts as this small: denormal numbers are slow."""


class ParticleFlowFilter(EnsembleFilter):
    """Particle flow filter of Hu and van Leeuwen (2021), localised, with the forecast model."""

    family = "Exact and particles"

    localisation = param.Number(
        2.0, bounds=(0.0, 64.0), doc="half-width of the taper in grid cells; 0 switches it off"
    )
    iterations = param.Integer(100, bounds=(1, 5000), doc="steps in pseudo-time per analysis")
    step = param.Number(
        0.05, bounds=(0.0, 10.0), inclusive_bounds=(False, True), doc="first pseudo-time step"
    )

    @property
    def effort(self) -> float:
        return self.iterations

    def floats(self, problem: Problem, members: int) -> int:
        state = torch.Size(problem.window[1:]).numel()
        return super().floats(problem, members) + 4 * members * state

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        B = Forecast(ensemble, taper(ensemble, self.localisation))
        x, g = ensemble, B.solve(ensemble - ensemble.mean(-4, keepdim=True))
        size, previous = torch.full_like(B.variance[..., :1, :1, :1, :1], self.step), None
        for done in range(1, self.iterations + 1):
            note(f"iteration {done} of {self.iterations}")
            u = flow(x, likelihood_gradient(x, network, data) - g, B.variance)
            velocity = B(u) / B.variance.sqrt()
            if previous is not None:
                slower = _norm(velocity) <= previous
                size = torch.where(slower, size * GROWTH, size * SHORTENING)
            previous = _norm(velocity)
            limit = FARTHEST / velocity.abs().amax((-4, -3, -2, -1), keepdim=True)
            size = size.minimum(limit)
            x, g = x + size * B.variance.sqrt() * velocity, g + size * u
        return x


class Forecast:
    """Localised forecast covariance B.

    Args:
        x: forecasts ``(..., N, lev, y, x)``.
        where: localisation, if there is any.
    """

    def __init__(self, x: Tensor, where: Taper | None) -> None:
        self.anomalies, self.where = x - x.mean(-4, keepdim=True), where
        known = torch.finfo(x.dtype)
        rounding = (known.eps * x.abs().amax((-4, -3, -2, -1), keepdim=True)).square()
        self.variance = x.var(-4, keepdim=True).maximum(rounding.clamp(min=known.tiny))
        numbers = torch.arange(1, x.shape[-3:].numel() + 1, device=x.device).reshape(x.shape[-3:])
        self.stencil = None
        if where is not None and is_small(numbers, where):
            self.stencil = Stencil(self.anomalies.flatten(-3), numbers, where)

    def __call__(self, v: Tensor) -> Tensor:
        """Apply B to ``(..., N, lev, y, x)``."""
        if self.stencil is not None:
            return self.stencil(v.flatten(-3)).reshape(v.shape)
        return localised_product(self.anomalies, v, self.where)

    def solve(self, d: Tensor, iterations: int = 100) -> Tensor:
        """Apply B^{-1} to d; where B is singular, the solution of least norm."""
        root = self.variance.sqrt()

        def correlation(v: Tensor) -> Tensor:
            return (self(v.unflatten(-1, d.shape[-3:]) / root) / root).flatten(-3)

        b = (d / root).flatten(-3)
        found = conjugate_gradients(
            correlation, b, preconditioner=torch.ones_like(b), iterations=iterations
        )
        return found.unflatten(-1, d.shape[-3:]) / root


def flow(x: Tensor, gradient: Tensor, variance: Tensor) -> Tensor:
    """Direction u of every member.

    Args:
        x: members ``(..., N, lev, y, x)``.
        gradient: of their log posterior density, same shape.
        variance: forecast variance, broadcastable to ``x``.
    """
    N = x.shape[-4]
    z = x / variance.sqrt()
    pulled, pushed = torch.zeros_like(x), torch.zeros_like(x)
    for z_j, gradient_j in zip(z.split(1, -4), gradient.split(1, -4), strict=True):
        apart = z - z_j  # one member moves all: N^2 fields never stand in memory together
        kernel = apart.square().mul_(-N / 2).clamp_(min=NOTHING).exp_()
        pulled.addcmul_(kernel, gradient_j)
        pushed.addcmul_(kernel, apart)
    return pulled / N + pushed / variance.sqrt()


def _norm(v: Tensor) -> Tensor:
    return v.pow(2).mean((-4, -3, -2, -1), keepdim=True).sqrt()
