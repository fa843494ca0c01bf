r"""CCDM: closed-form conditional diffusion model filter.

States and observations are simulated together: every forecast x_i gets a noisy observation
:math:`\hat y_i` of its own, drawn anew at every analysis. A mixture of Gaussian kernels about these
pairs, of width h_y in the observations, is a joint density. Its conditional on the data y is known,

.. math::
    p(x | y) = \sum_i w_i \, N(x; x_i, h_{\min}^2 I), \qquad
    w_i \propto \exp \Big( - \frac{|y - \hat y_i|^2}{2 h_y^2} \Big) ,

and so is the score of its diffusion (:mod:`dalab.methods.generative.ccdm.kernels`). Analyses are
samples of that diffusion. Nothing is trained, and neither the model nor the operator needs a
derivative, nor the noise a density: both are black boxes.

Target: with an exact start and exact integration the members are independent draws of the mixture,
which resamples forecasts by their weights and adds noise of standard deviation h_min: a regularised
particle filter with the weights of approximate Bayesian computation. In the limit of many
forecasts it is the posterior for an error covariance of R + h_y^2 I, convolved with h_min^2 I.
``sampler=direct`` draws from the mixture itself: same law, no integration. What the diffusion adds
is the error of a start at noise, which lacks the share s^2 / (s^2 + h_max^2) of the variance of a
posterior of spread s, and a map from latent numbers to samples that keeps their order.

``weights=known`` takes the likelihood of the observed forecasts without noise instead of simulated
observations: for a Gaussian error of known R, without the inflation by h_y and the noise of the
weights.

Reference: Binder et al., closed-form conditional diffusion models for data assimilation (arXiv
2603.21291, of which the abstract, the first page and earlier code of the authors were read: what
they ran for the paper may differ). What differs: published are ``whiten=False,start=gaussian,
units=physical`` with h_max = 50 and the other bandwidths from a grid search per problem, which
wants h_min in the units of the states; here bandwidths follow rules, relative to the spread of
each variable, unless they are given. The code takes 1e-5 for the tolerances of its flow, as here;
its stochastic filter is ``sampler=euler`` with a = 0, which is an Euler solver of the flow;
``rescale=False`` leaves states of ``vp`` as small as it does.

Expect: better than EnKF and SIR for few variables whose posterior has several modes and few
members; in many dimensions the weights degenerate, and a plain EnKF is far better.
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ....errors import InputError
from ....random import MemberStreams
from ...base import Problem
from ...filtering import State
from ..base import GenerativeFilter, Likelihood
from . import samplers
from .bandwidths import RULES, about_observations, largest, scales
from .kernels import Kernels
from .latents import kernels_drawn, normal_latents
from .schedules import SCHEDULES, Diffusion

POOR = 0.02
"""Share of effective kernels below which an analysis is warned of."""

EULER, SDE = 5000, 400
"""Steps of the samplers that have them: as released, and ours."""

EVALUATIONS = 140
"""Scores that the adaptive scheme takes for bandwidths of a ratio of some hundreds."""


def _bandwidth(doc: str) -> param.Number:
    return param.Number(None, bounds=(1e-6, 1e6), doc=doc)


class CCDM(GenerativeFilter):
    """Closed-form conditional diffusion model filter, with the forecast model as a black box."""

    members = param.Integer(
        250, bounds=(2, 10_000), doc="ensemble members, all kept in the result; those of the "
        "experiment if these are more",
    )
    sampler = param.Selector(
        default="ode", objects=["ode", "euler", "sde", "direct"],
        doc="ode: adaptive Runge-Kutta of the flow, as published; euler: equal steps; sde: steps "
        "of one ratio of bandwidths, ours; direct: draws of the mixture itself, the same law",
    )
    schedule = param.Selector(
        default="ve-linear", objects=[*SCHEDULES],
        doc="noise of the diffusion: from h_min to h_max (ve-linear), from 0 (ve-zero), or in "
        "place of the state (vp)",
    )
    start = param.Selector(
        default="exact", objects=["exact", "gaussian"],
        doc="samples at pseudo-time 1: diffused forecasts drawn by their weights, or noise alone, "
        "as published",
    )
    weights = param.Selector(
        default="simulated", objects=["simulated", "known"],
        doc="weights of the forecasts: by simulated observations, or by the Gaussian likelihood",
    )
    whiten = param.Boolean(
        True, doc="measure bandwidths of states in the spread of each variable, and of "
        "observations in their errors; published without",
    )
    bandwidth = param.Selector(
        default="half-silverman", objects=[*RULES],
        doc="rule for h_min: half of Silverman's, or all of it but at most 0.5, as in early code",
    )
    h_min = _bandwidth("smallest bandwidth of the states; auto: by the rule of bandwidth")
    h_max = _bandwidth(
        "largest bandwidth of the states, and beta of vp; auto: 20 times the largest spread, or 20"
    )
    h_y = _bandwidth(
        "bandwidth of the observations, in their units; auto: half of the root mean square error"
    )
    steps = param.Integer(
        None, bounds=(1, 100_000), doc="steps of the samplers euler and sde; auto: 5000 and 400"
    )
    a = param.Number(
        None, bounds=(0.0, 10.0), doc="noise of these samplers, 0 for the flow and 1 for the "
        "reverse SDE; auto: 0 of euler, as released, and 1 of sde",
    )
    stratified = param.Boolean(
        False, doc="latent numbers at quantiles in every coordinate, and kernels drawn evenly: "
        "less sampling error",
    )
    rescale = param.Boolean(True, doc="undo the decay of states that is left by vp")

    @property
    def effort(self) -> float:
        return {"ode": EVALUATIONS, "direct": 1}.get(self.sampler, self._steps)

    @property
    def _steps(self) -> int:
        return self.steps or (EULER if self.sampler == "euler" else SDE)

    @property
    def _noise(self) -> float:
        return float(self.sampler == "sde") if self.a is None else self.a

    def check(self, problem: Problem, members: int) -> None:
        super().check(problem, members)
        if self.sampler == "sde" and self.schedule == "vp":
            raise InputError(
                "schedule", "vp", "must not let the state decay for sampler=sde",
                "Use sampler=euler,a=1, or another schedule.",
            )

    # --- the filter -------------------------------------------------------------------------------

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        full = torch.full(ensemble.shape[:-4], float(ensemble.shape[-4]), dtype=torch.float64)
        return {"ensemble": ensemble, "effective": full.to(ensemble.device)}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        likelihood = Likelihood(problem.network, problem.data, self._system)
        x = self.in_units(state["ensemble"])
        log_weights = self.log_weights(x, likelihood, streams)
        found = self._samples(x, log_weights, streams)
        effective = 1 / torch.softmax(log_weights, -1).square().sum(-1)
        return {"ensemble": self.finished(found), "effective": effective}

    def sample(self, x: Tensor, likelihood: Likelihood, streams: MemberStreams) -> Tensor:
        return self._samples(x, self.log_weights(x, likelihood, streams), streams)

    def diagnostics(self, state: State) -> dict[str, Tensor]:
        return {"effective_kernels": state["effective"]}

    def warning(self, state: State) -> str:
        least, count = float(state["effective"].min()), state["ensemble"].shape[-4]
        if not least < POOR * count:
            return ""
        return f"{least:.1f} of {count} kernels effective: use more members, or a larger h_y"

    # --- weights ----------------------------------------------------------------------------------

    def log_weights(self, x: Tensor, likelihood: Likelihood, streams: MemberStreams) -> Tensor:
        """Log weights of forecasts, up to a constant, ``(..., N)``, float64; arguments as before.

        A forecast whose observation is not a number has no weight.
        """
        if self.weights == "known":
            log = -likelihood.innovations(x).double().square().sum(-1) / 2
        else:
            variance = likelihood.network.variance(like=likelihood.data).double()
            h = self.h_y or about_observations(variance)
            width = h * (variance / variance.mean()).sqrt() if self.whiten else h
            simulated = likelihood.simulated(x, streams.generators[0])
            apart = likelihood.data.double().unsqueeze(-2) - simulated.double()
            log = -(apart / width).square().sum(-1) / 2
        return log.nan_to_num(nan=-torch.inf, neginf=-torch.inf)

    # --- samples ----------------------------------------------------------------------------------

    def _samples(self, x: Tensor, log_weights: Tensor, streams: MemberStreams) -> Tensor:
        """Samples of all repeats, ``(..., N, lev, y, x)``, one after the other."""
        states = x.flatten(-3).flatten(0, -3) if x.ndim > 4 else x.flatten(-3).unsqueeze(0)
        pairs = zip(states, log_weights.reshape(len(states), -1), strict=True)
        found = [self._samples_of(one, log, streams) for one, log in pairs]
        return torch.stack(found).reshape(x.shape)

    def _samples_of(self, x: Tensor, log_weights: Tensor, streams: MemberStreams) -> Tensor:
        """Samples of one repeat, given its forecasts ``(N, d)`` and their log weights."""
        mean = x.mean(0, keepdim=True)
        scale = scales(x) if self.whiten else torch.ones_like(mean)
        kernels = Kernels((x - mean) / scale, log_weights)
        path = self.path(kernels.centres)
        normal = normal_latents(x.shape[1], streams, self.stratified)
        index = kernels_drawn(log_weights, streams, self.stratified)
        found = self.diffused(kernels, path, normal, index, streams)
        if self.rescale:
            found = found / path.mean(path.last)
        return mean + scale * found

    def path(self, x: Tensor) -> Diffusion:
        """Diffusion of centred forecasts ``(N, d)``, with the bandwidths that were left open."""
        h_min = self.h_min or max(RULES[self.bandwidth](x), 1e-6)
        h_max = self.h_max or largest(x, self.schedule)
        if self.schedule != "vp":
            h_max = max(h_max, h_min)
        return SCHEDULES[self.schedule](h_min, h_max)

    def diffused(
        self, kernels: Kernels, path: Diffusion, normal: Tensor, index: Tensor,
        streams: MemberStreams,
    ) -> Tensor:
        """Samples at the end of a diffusion of weighted kernels, ``(N, d)``.

        Args:
            kernels: the weighted forecasts.
            path: the schedule.
            normal: latent numbers, ``(N, d)``.
            index: kernels that exact starts and direct draws are about, ``(N,)``.
            streams: randomness of the steps, one stream per member.
        """
        if self.sampler == "direct":
            return samplers.draw(kernels, path, normal, index)
        exact = self.start == "exact"
        x = samplers.begin(kernels, path, normal, index if exact else None)
        if self.sampler == "ode":
            return samplers.follow_flow(kernels, path, x)
        step = samplers.step_evenly if self.sampler == "euler" else samplers.step_geometrically
        return step(kernels, path, x, self._steps, self._noise, streams)
