r"""EnSF: ensemble score filter, a diffusion of the forecasts that needs no training.

Every analysis starts from noise of zero mean and unit variance and follows the reverse SDE of
:mod:`dalab.methods.generative.linear_path` in n steps of length 1/n,

.. math::
    x \leftarrow x - \tfrac1n [ b(t) x - \sigma^2(t) S(x, t) ] + \sqrt{\sigma^2(t) / n} \, \xi,

.. math::
    S = S_{\mathrm{prior}} + (1 - t) \nabla \log p(y | x) .

Target: the forecast prior times the Gaussian likelihood of the observations of its time, which it
meets in no limit. With ``score=paired``, as released, every member follows its own forecast: for a
linear observation of a variable with error r the analysis is c x_j + k y + N(0, v) with numbers
that depend on the two epsilons, r and n but not on the spread, a nudging whose gain the epsilons
set anew for every r; variables that are not observed keep their forecast, blurred by
:math:`\epsilon_\beta`. With ``score=mixture``, as in the papers, all forecasts are kernels: for
accurate observations of a Gaussian forecast the variance is half of what it should be, and in many
dimensions the mixture takes one forecast at random. ``score=conditional`` is ours: the score of the
posterior of a Gaussian forecast without the factor 1 - t, exact for linear operators but for the
blur and the steps, and without localisation: for many members or few variables.

Paired and with operators that act value by value (arctan, not averages) the analysis of every
variable is its own affair: states of more than 8192 cells are taken in blocks of so many, and one
of 1e6 variables needs no more memory than its forecasts.

``regression`` is EnSF-LR: after the analysis, increments of the observed cells are regressed on all
others with the covariance of the ensemble.

References:
    | Bao, Zhang and Zhang, An ensemble score filter for tracking high-dimensional nonlinear
      dynamical systems (CMAME 432, 2024; arXiv 2309.00983)
    | Xiong (2026), EnSF-LR: linear regression of unobserved variables
    | Zhang et al., iterated EnSF (arXiv 2510.20159): likelihoods of the conditional mean

What differs: states are normalised unless ``units=physical``, as released. The released code also
joins the ends of the rings of different members when it forecasts them, which no model here does.

Expect, Lorenz-96 with 100 variables, arctan of all of them every 0.1 with noise 0.05, 20 members
(``units=physical``): RMSE 0.19; an LETKF that has found the truth has 0.05. Where the truth takes
shocks EnSF has 0.4 to 0.9 and the LETKF loses it.
"""

from __future__ import annotations

from collections.abc import Callable

import param
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem
from .base import GenerativeFilter, Likelihood, normal_like
from .blocks import acts_by_value, sample_in_blocks
from .linear_path import LinearPath
from .regression import check_elementwise, regress_unobserved
from .scores import GaussianPosterior, mixture_score, paired_score

PUBLISHED, SMALL = (0.5, 0.025), (0.001, 0.001)
"""Epsilons of the damped scores, which act as gains, and of the exact one."""

Score = Callable[[Tensor, LinearPath, float], Tensor]
"""Posterior score of members on a path at a pseudo-time."""

LIMIT = 1000.0
"""Bound on every component of the score, as released."""


class EnSF(GenerativeFilter):
    """Ensemble score filter of Bao et al. (2024), with the forecast model and without a network."""

    score = param.Selector(
        default="paired", objects=["paired", "mixture", "conditional"],
        doc="prior score: of each member's own forecast, as released; of the mixture of all, as in "
        "the papers; or the conditional score of a Gaussian forecast",
    )
    steps = param.Integer(500, bounds=(1, 10_000), doc="steps in pseudo-time per analysis")
    epsilon_alpha = param.Number(
        None, bounds=(1e-4, 1.0),
        doc="share of the state that is left at the end of the diffusion; auto: 0.5, and 0.001 for "
        "the conditional score",
    )
    epsilon_beta = param.Number(
        None, bounds=(1e-6, 0.9),
        doc="variance of the noise at its beginning; auto: 0.025, and 0.001 for the conditional "
        "score",
    )
    standardise = param.Boolean(
        True, doc="shift and scale the starting noise to zero mean and unit variance over members"
    )
    regression = param.Boolean(
        False, doc="regress the increments of observed cells on all others (EnSF-LR)"
    )
    bound = param.Number(
        None, bounds=(0.0, 1e6), inclusive_bounds=(False, True),
        doc="bound on the absolute values of an analysis; auto: none",
    )

    @property
    def effort(self) -> float:
        return self.steps

    def sample(self, x: Tensor, likelihood: Likelihood, streams: MemberStreams) -> Tensor:
        if self.score == "paired" and acts_by_value(likelihood.network):
            found = sample_in_blocks(self._diffuse, x, likelihood, streams)
        else:
            found = self._diffuse(x, likelihood, streams)
        if self.bound is not None:
            found = found.clamp(-self.bound, self.bound)
        return regress_unobserved(found, x, likelihood.network) if self.regression else found

    def check(self, problem: Problem, members: int) -> None:
        super().check(problem, members)
        if self.regression:
            check_elementwise(problem.network)

    def path(self) -> LinearPath:
        """The diffusion, with the epsilons that were left open."""
        default = SMALL if self.score == "conditional" else PUBLISHED
        given = (self.epsilon_alpha, self.epsilon_beta)
        return LinearPath(*(d if g is None else g for g, d in zip(given, default, strict=True)))

    def _diffuse(self, forecasts: Tensor, likelihood: Likelihood, streams: MemberStreams) -> Tensor:
        path, n, score = self.path(), self.steps, self._score(forecasts, likelihood)
        x = normal_like(forecasts, streams)
        if self.standardise:
            x = (x - x.mean(-4, keepdim=True)) / x.std(-4, keepdim=True)
        for k in range(n):
            t = 1 - k / n
            s, g = score(x, path, t).clamp_(-LIMIT, LIMIT), path.diffusion(t) / n
            x = (1 - path.drift(t) / n) * x  # new, and changed in place from here on
            x.add_(s, alpha=g).add_(normal_like(x, streams), alpha=g**0.5)
        return x

    def _score(self, forecasts: Tensor, likelihood: Likelihood) -> Score:
        if self.score == "conditional":
            exact = GaussianPosterior(forecasts, likelihood)
            return lambda x, path, t: exact(x, path.alpha(t), path.variance(t))
        prior = paired_score if self.score == "paired" else mixture_score

        def damped(x: Tensor, path: LinearPath, t: float) -> Tensor:
            known = prior(x, forecasts, path.alpha(t), path.variance(t))
            return known.add_(likelihood.gradient(x), alpha=1 - t)

        return damped
