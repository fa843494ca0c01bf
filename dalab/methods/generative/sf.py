r"""SF: score-based filter, the reverse of a diffusion that explodes, with a damped likelihood.

Forecasts are diffused to :math:`x_t = x_0 + s_t \zeta` with

.. math::
    s_t^2 = \frac{25^{2t} - 1}{2 \ln 25}, \qquad g_t = 25^t ,

and every analysis starts at noise of standard deviation s_1 = 9.85 and goes back in n steps at the
squares of equidistant points between 1 and 0,

.. math::
    x \leftarrow x + g_t^2 S \delta + g_t \sqrt\delta \, \xi, \qquad
    S = - \frac{x - \hat x}{s_t^2} + \max(1 - 2t, 0) \nabla \log p(y | x) ,

where a score whose root mean square over a state is above a limit is scaled back to it. The last
step is without noise.

Target: the forecast prior times the Gaussian likelihood of the observations of its time, which it
meets in no limit, since the likelihood is damped, and taken at x instead of the expected state. Its
mean is about right for accurate observations (r below half the forecast spread), its variance 2 to
4.5 times too small.

Reference: Bao et al., A score-based filter for nonlinear data assimilation (arXiv 2306.09282), as
it is implemented beside MASF (arXiv 2604.02889); the settings of the original are not known. What
differs: the conditional mean is that of the ensemble by default, where the paper trains a network
at every analysis, which ``score=network,network=new`` does. The implementation takes the first step
length, 0.004, at all times, and so integrates over twice the pseudo-time: ``spacing=constant``
restores that.
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem
from ..filtering import State
from .additive_path import ExplodingPath
from .base import Likelihood, normal_like
from .conditional import prior_score
from .score_filter import ScoreFilter

NEAREST = 1e-5
"""Square root of the last pseudo-time, and the first one of the training of networks."""

TIMES = (NEAREST, 1.0)
"""Pseudo-times that networks are trained at."""


class SF(ScoreFilter):
    """Score-based filter with a damped likelihood, with the forecast model."""

    steps = param.Integer(500, bounds=(2, 10_000), doc="steps in pseudo-time per analysis")
    spacing = param.Selector(
        default="variable", objects=["variable", "constant"],
        doc="length of the steps: up to the next pseudo-time, or the first length at all of them, "
        "as released",
    )
    limit = param.Number(
        100.0, bounds=(0.1, 1e6), doc="largest root mean square of the score of a state"
    )

    times, relative_loss = TIMES, True

    def network_kind(self, problem: Problem) -> str:
        return "sf"

    @property
    def effort(self) -> float:
        return self.effort_of(self.steps)

    def draw(
        self, x: Tensor, likelihood: Likelihood, carried: State, streams: MemberStreams
    ) -> tuple[Tensor, State]:
        path = ExplodingPath()
        mean, carried = self.chosen_score().fit(x, path, carried, streams)
        found = float(path.Sigma(1.0)) ** 0.5 * normal_like(x, streams)
        times, lengths = self.pseudo_times()
        for k, (t, length) in enumerate(zip(times, lengths, strict=True)):
            score = prior_score(mean, path, found, t)
            if t < 0.5:
                score = score + (1 - 2 * t) * likelihood.gradient(found)
            g2 = path.diffusion(t)
            found = found + g2 * length * limited(score, self.limit)
            if k < len(times) - 1:
                found = found + (g2 * length) ** 0.5 * normal_like(found, streams)
        return found, carried

    def pseudo_times(self) -> tuple[list[float], list[float]]:
        """Pseudo-times of the steps, from 1 down, and their lengths."""
        roots = torch.linspace(1.0, NEAREST, self.steps, dtype=torch.float64)
        times = roots.square().tolist()
        lengths = [t - u for t, u in zip(times, [*times[1:], 0.0], strict=True)]
        return times, lengths if self.spacing == "variable" else [lengths[0]] * self.steps


def limited(score: Tensor, limit: float) -> Tensor:
    """Scores ``(..., lev, y, x)`` scaled back to a root mean square of ``limit`` if above it."""
    size = score.square().mean((-3, -2, -1), keepdim=True).sqrt()
    return score * (limit / size.clamp(min=limit))
