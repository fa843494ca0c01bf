r"""SSLS: Langevin sampler of the posterior, with the score of forecasts blurred at one level.

Every analysis starts at the forecasts and takes n steps of length h,

.. math::
    x \leftarrow e^{-\lambda h} x + h \varphi(-\lambda h) G + \sqrt{2 h \varphi(-2 \lambda h)} \,
    \xi, \qquad G = \frac{\hat x - x}{\sigma_s^2} + \nabla \log p(y | x), \quad
    \varphi(s) = (e^s - 1) / s ,

with :math:`\hat x = E[x_0 | x_0 + \sigma_s \zeta = x]`; where the root mean square of G over a
state is above a limit, it is scaled back to it. Further stages multiply lambda.

Target: the forecast prior, blurred by :math:`\sigma_s`, times the Gaussian likelihood of the
observations of its time. With forecast variance P and error r the steps settle at the variance
:math:`1 / (\Lambda (1 - h \Lambda / 2))`, :math:`\Lambda = 1 / (P + \sigma_s^2) + 1 / r^2`, and at
none for h above :math:`2 / \Lambda`: accurate observations want shorter steps, inaccurate ones more
of them.

Reference: SSLS (arXiv 2411.13443) and its repository, whose steps, limit and blur (that of
Lorenz-96) are the defaults; ``step=0.004,steps=500,blur=0.05,limit=100`` are those of the
implementation beside MASF (arXiv 2604.02889). What differs: the conditional mean is that of the
ensemble, where the paper trains a network at every analysis.
"""

from __future__ import annotations

import math

import param
from torch import Tensor

from ...random import MemberStreams
from ..filtering import State
from .additive_path import BlurPath
from .base import Likelihood, normal_like
from .conditional import prior_score
from .score_filter import ScoreFilter
from .sf import limited


class SSLS(ScoreFilter):
    """State-space Langevin sampler, with the forecast model."""

    steps = param.Integer(1000, bounds=(1, 100_000), doc="Langevin steps per stage")
    step = param.Number(
        1e-3, bounds=(0.0, 1.0), inclusive_bounds=(False, True), doc="length h of the steps"
    )
    blur = param.Number(
        0.1, bounds=(1e-3, 10.0), doc="noise level of the score, in the units of the filter"
    )
    limit = param.Number(
        10.0, bounds=(0.1, 1e6), doc="largest root mean square of the score of a state"
    )
    pull = param.Number(
        1e-3, bounds=(0.0, 10.0), inclusive_bounds=(False, True),
        doc="lambda of the first stage, a pull to zero",
    )
    decay = param.Number(0.5, bounds=(0.0, 1.0), inclusive_bounds=(False, True),
                         doc="factor on lambda after each stage")
    stages = param.Integer(1, bounds=(1, 100), doc="stages, each with all steps")

    @property
    def effort(self) -> float:
        return self.steps * self.stages

    def draw(
        self, x: Tensor, likelihood: Likelihood, carried: State, streams: MemberStreams
    ) -> tuple[Tensor, State]:
        path = BlurPath(self.blur)
        mean, carried = self.chosen_score().fit(x, path, carried, streams)
        for stage in range(self.stages):
            keep, length, noise = self.factors(self.pull * self.decay**stage)
            for _ in range(self.steps):
                score = prior_score(mean, path, x, 0.0) + likelihood.gradient(x)
                move = length * limited(score, self.limit)
                x = keep * x + move + noise * normal_like(x, streams)
        return x, carried

    def factors(self, pull: float) -> tuple[float, float, float]:
        """Factors of the state, of the score and of the noise in one step."""
        h = pull * self.step
        return math.exp(-h), -math.expm1(-h) / pull, (-math.expm1(-2 * h) / pull) ** 0.5
