r"""EnFF: ensemble flow filter, flow matching between forecasts that needs no training.

Every analysis follows the velocity of a mixture of Gaussian paths, one to each forecast x_j, from
pseudo-time 0 to 1 in n Euler steps. With ``coupling=ot`` (optimal transport) the paths start at
standard normal noise, with ``coupling=f2p`` (filtering to predictive) at the analysis before:

.. math::
    \mu_j = t x_j, \; s = 1 - (1 - \sigma_{\min}) t \quad \text{or} \quad
    \mu_j = t x_j + (1 - t) x_j^{\mathrm{prev}}, \; s = \sigma_{\min},

.. math::
    v = \sum_j w_j \big[ \tfrac{\dot s}{s} (x - \mu_j) + \dot\mu_j \big], \qquad
    x \leftarrow x + \tfrac1n \big[ v + \lambda \nabla \log p(y | x_1) \big], \quad
    x_1 = x + (1 - t) v .

Target: the forecast prior times the Gaussian likelihood of the observations of its time, which it
meets for no :math:`\lambda`: that is its gain. With a linear observation of error r and weights
that have settled on one member, as they do in many dimensions, f2p is a nudging of each forecast by
:math:`1 - (1 - \lambda / (n r^2))^n`, which shrinks the spread by as much, updates no variable that
is not observed, and is unstable from :math:`\lambda = 2 n r^2` on.

Reference: Ensemble flow filter (arXiv 2508.13313). What differs: states are normalised unless
``units=physical``, as released; K points in its tables are K - 1 steps here; the guidance that
weights members by Monte Carlo, which its authors do not use by default, is not there.
"""

from __future__ import annotations

from dataclasses import dataclass

import param
import torch
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem
from ..filtering import State
from .base import GenerativeFilter, Likelihood, member_weights, mix, normal_like


class EnFF(GenerativeFilter):
    """Ensemble flow filter with the forecast model and without a network."""

    coupling = param.Selector(
        default="f2p", objects=["f2p", "ot"],
        doc="paths to the forecasts: from the analysis before (f2p), or from noise (ot)",
    )
    steps = param.Integer(9, bounds=(1, 10_000), doc="Euler steps per analysis")
    sigma_min = param.Number(
        0.1, bounds=(1e-6, 1.0), doc="standard deviation of the kernels about the forecasts"
    )
    guidance = param.Number(0.05, bounds=(0.0, 100.0), doc="factor lambda on the likelihood")

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        return {"ensemble": ensemble, "previous": ensemble}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        likelihood = Likelihood(problem.network, problem.data, self._system)
        x, previous = self.in_units(state["ensemble"]), self.in_units(state["previous"])
        found = self.finished(self.sample(x, likelihood, streams, previous))
        return {"ensemble": found, "previous": found}

    @property
    def effort(self) -> float:
        return self.steps

    def sample(
        self, x: Tensor, likelihood: Likelihood, streams: MemberStreams,
        previous: Tensor | None = None,
    ) -> Tensor:
        """Draw the analysis; ``previous`` holds the analysis before, by default the forecasts."""
        flow = self.flow(x, x if previous is None else previous)
        state, n = flow.start(normal_like(x, streams)), self.steps
        for k in range(n):
            t = k / n
            v = flow.velocity(state, t)
            pull = likelihood.gradient(state + (1 - t) * v)
            state = state + (v + self.guidance * pull) / n
        return state

    def flow(self, forecasts: Tensor, previous: Tensor) -> Flow:
        """Paths from noise or the analysis before to the forecasts."""
        if self.coupling == "f2p":
            return Flow(previous, forecasts, self.sigma_min, self.sigma_min)
        return Flow(torch.zeros_like(forecasts), forecasts, 1.0, self.sigma_min)


@dataclass(frozen=True)
class Flow:
    """Mixture of Gaussian paths between members, ``(..., N, lev, y, x)``.

    Args:
        starts: centres at pseudo-time 0.
        ends: centres at pseudo-time 1.
        first: standard deviation at pseudo-time 0.
        last: the one at pseudo-time 1; between them it is linear.
    """

    starts: Tensor
    ends: Tensor
    first: float
    last: float

    def start(self, normal: Tensor) -> Tensor:
        """Members at pseudo-time 0, one about each centre."""
        return self.starts + self.first * normal

    def velocity(self, x: Tensor, t: float) -> Tensor:
        """Velocity of members ``(..., N, lev, y, x)``, same shape."""
        std = (1 - t) * self.first + t * self.last
        centres = (1 - t) * self.starts + t * self.ends
        weights = member_weights(x, centres, std)
        growth = (self.last - self.first) / std
        return growth * (x - mix(weights, centres)) + mix(weights, self.ends - self.starts)
