r"""Reverse samplers of the linear process of MASF.

:func:`reverse_bridge` starts at the observation itself and needs the prior score alone, since the
kernels p(x_t | x_s), t < s, of a path do not change when its end is known. Each step draws from
p(x_t | x_s, x_0 = \hat x),

.. math::
    x \leftarrow \mu_t + \frac{\Sigma_t M}{\Sigma_s} (x - \mu_s)
      + \Big( \frac{\Sigma_t Q}{\Sigma_s} \Big)^{1/2} \xi,
    \qquad \mu_t = A_t \hat x + B_t ,

with M and Q from t to s. The mean is exact; the variance lacks that of x_0 given x_s, which
vanishes with the step.

:func:`guided` starts at forecasts that have been diffused and adds the likelihood score g,

.. math::
    x \leftarrow M x + U - Q [ \rho_s S + \rho_g g ] + |Q|^{1/2} \xi ,

with M, U and Q < 0 from s back to t. It counts the observation twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ....random import MemberStreams
from ..base import normal_like
from ..conditional import ConditionalMean, prior_score
from .bridge import FIRST, LAST, Bridge


@dataclass(frozen=True)
class Schedule:
    """Pseudo-times of a sampler, and what the released code does to the scores there.

    Args:
        steps: number of steps.
        last: pseudo-time of the start.
        released: as in the released code: the start at ``last`` squared, observations that are
            taken for the state at ``last`` instead of 1, and variances with 1e-5 added to them.
        scales: its factors on both scores.
        nonlinear: the factors of its nonlinear sampler instead of those of the linear one.
    """

    steps: int
    last: float = LAST
    released: bool = False
    scales: bool = False
    nonlinear: bool = False

    @property
    def end(self) -> float:
        """Pseudo-time at which the observation is taken for the state of the process."""
        return self.last if self.released else 1.0

    @property
    def added(self) -> float:
        """Number added to the variances that scores are divided by."""
        return 1e-5 if self.released else 0.0

    def pairs(self) -> list[tuple[float, float]]:
        """Steps from a later pseudo-time to an earlier one, denser towards the state."""
        n = self.steps
        grid = [FIRST + (1 - j / n) ** 2 * (self.last - FIRST) for j in range(n + 1)]
        factor = self.last if self.released else 1.0
        return list(pairwise(factor * t for t in grid))

    @property
    def start(self) -> float:
        """First pseudo-time."""
        return self.pairs()[0][0]

    def factors(self, s: float) -> tuple[float, float]:
        """Factors on the prior score and on the likelihood score at a pseudo-time."""
        if not self.scales:
            return 1.0, 1.0
        if self.nonlinear:
            return 0.95 + 0.55 * s, 1.1 + 0.4 * (1 - s) ** 2
        return 0.95 + 0.65 * s**1.5, 1.1 + 0.4 * (1 - s) ** 2


def reverse_bridge(
    bridge: Bridge, mean: ConditionalMean, start: Tensor, schedule: Schedule, streams: MemberStreams
) -> Tensor:
    """Draw states given the end of their paths.

    Args:
        bridge: the process.
        mean: its E[x_0 | x_t].
        start: ends of the paths, ``(..., N, lev, y, x)``.
        schedule: pseudo-times.
        streams: randomness, one stream per member.
    """
    x = start
    for s, t in schedule.pairs():
        xhat = mean.estimate(x, s)
        M, _, Q = bridge.transition(t, s)
        ratio = bridge.Sigma(t) / bridge.Sigma(s)
        pull, noise = (v.to(x) for v in (ratio * M, (ratio * Q).clamp(min=0).sqrt()))
        (A, B), (As, Bs) = ((bridge.A(u).to(x), bridge.B(u).to(x)) for u in (t, s))
        x = A * xhat + B + pull * (x - As * xhat - Bs) + noise * normal_like(x, streams)
    return x


def observed_ends(
    bridge: Bridge, z: Tensor, forecasts: Tensor, streams: MemberStreams
) -> Tensor:
    """Ends of the paths: the observation, and noise where there is none, ``(..., N, lev, y, x)``.

    Args:
        bridge: the process.
        z: observation, embedded in a state, ``(..., lev, y, x)``.
        forecasts: members, for their shape.
        streams: randomness, one stream per member.
    """
    blank = bridge.b.to(forecasts) + bridge.sigma.to(forecasts) * normal_like(forecasts, streams)
    return torch.where(bridge.observed, z.unsqueeze(-4), blank)


def guided(
    bridge: Bridge, mean: ConditionalMean, z: Tensor, forecasts: Tensor, schedule: Schedule,
    streams: MemberStreams,
) -> Tensor:
    """Draw states from diffused forecasts, with prior score and likelihood score.

    Args:
        bridge: the process.
        mean: its E[x_0 | x_t].
        z: observation, embedded in a state, ``(..., lev, y, x)``.
        forecasts: members ``(..., N, lev, y, x)``.
        schedule: pseudo-times and factors.
        streams: randomness, one stream per member.
    """
    x, z = diffused(bridge, forecasts, schedule.start, streams), z.unsqueeze(-4)
    for s, t in schedule.pairs():
        M, U, Q = (v.to(x) for v in bridge.transition(s, t))
        rho_s, rho_g = schedule.factors(s)
        pull = bridge.likelihood_score(x, s, z, schedule.end, schedule.added)
        score = rho_s * prior_score(mean, bridge, x, s, schedule.added) + rho_g * pull
        x = M * x + U - Q * score + (-Q).clamp(min=0).sqrt() * normal_like(x, streams)
    return x


def diffused(bridge: Bridge, x: Tensor, t: float, streams: MemberStreams) -> Tensor:
    """Members ``(..., N, lev, y, x)`` at a pseudo-time of the process, same shape."""
    A, B, std = (v.to(x) for v in (bridge.A(t), bridge.B(t), bridge.Sigma(t).sqrt()))
    return A * x + B + std * normal_like(x, streams)
