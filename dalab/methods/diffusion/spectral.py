r"""Spectral guidance: the window posterior with a calibrated, homogeneous error covariance.

Target: the climatological prior of windows times the Gaussian likelihood of all observations of the
window; with a background, that prior conditioned on it.

One denoiser evaluation per step: at noise level s the denoised window D has the average error
covariance C_s, one small matrix per wavenumber. A background, which a trained prior carries through
the window (:mod:`dalab.priors.denoisers.forecast`), is conditioned on exactly, unless the prior has
a denoiser conditioned on backgrounds (:mod:`dalab.priors.denoisers.background`), which then takes
the place of the other; the network is linearised statistically about the result; and

.. math::
    (C_s^{-1} + J^T (R + \Omega)^{-1} J) \, (\hat x - D) = J^T (R + \Omega)^{-1} (y - \bar h)

is solved by preconditioned conjugate gradients (:mod:`dalab.methods.gaussian.solver`).

The reverse step needs a clean window. Taking its mean xhat loses the spread of N(xhat, P) at every
step, which shows as too little variance unless steps are many. A draw costs the same solve, by
conditioning a draw of N(D, C_s) on perturbed data (Matheron's rule), and makes the reverse kernel
exact for Gaussian windows with any number of steps; this is the default.

For a Gaussian prior C_s is the covariance of every window. A trained one has more information:
between the noise levels that it names, where most is decided, its own covariance is used, which
moves with the flow (:mod:`dalab.methods.diffusion.tweedie`) and costs a few backpropagations that
the count of evaluations leaves out. There the mean is taken, since that covariance has no square
root at hand.

A posterior sample is sqrt(2) times as far from the truth as the posterior mean. At a temperature T
below 1 all random numbers have variance T, which for Gaussian windows leaves the mean as it is and
makes the covariance T times that of the posterior.

The default of 24 steps is the number at which the skill saturates, and that of all results in
``docs/window-posteriors.md``.

Origin: dalab's own; the general-covariance case of the estimator in SOAD (arXiv 2407.21314), with a
calibrated covariance, statistical linearisation and an ancestral sampler.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import param
import torch
from torch import Tensor

from ...priors.base import Prior
from ...priors.covariance import HomogeneousObservation, SpectralCovariance
from ...random import MemberStreams
from ..base import Background, Problem, Step
from ..gaussian.innovations import (
    Innovations,
    Map,
    background_innovations,
    observation_innovations,
    stack,
)
from ..gaussian.solver import GaussianSolver
from ..gaussian.update import Gaussian, background_observation, condition, posterior
from .sampler import Diffusion, ancestral_step
from .tweedie import tweedie_increment

FLOW_FROM_BACKGROUND = (0.05, 0.5)
"""Noise levels between which a trained prior's own covariance is used with a tabulated background:
below those without one, since such a background fixes the branch of a folded operator early."""

REQUIRED_FLOW_LEVEL = 1.0
"""Noise level up to which that covariance must be reliable before it is used with a tabulated
background: a weaker one helps where data are dense, but harms where they are sparse."""

ERROR_INFLATION = 3.0
"""Factor on the error variances of the data where the table preconditions the flow's covariance,
without a background, above noise 1, the spread of the climate."""

LARGEST_DEPARTURE = 2.0
"""Distance of a cell from the tabulated solution to which the flow's covariance may move it, in
standard deviations given the background."""


class SpectralGuidance(Diffusion):
    """Spectral guidance: calibrated covariance per wavenumber, one network call per step."""

    steps = param.Integer(
        24, bounds=(2, 1000),
        doc="noise levels from first to last; with a background, a trained prior may skip those "
        "at which the window says nothing more",
    )
    iterations = param.Integer(
        15, bounds=(1, 500), doc="conjugate-gradient iterations per step, at most"
    )
    flow = param.Integer(
        2, bounds=(0, 20),
        doc="iterations with a trained prior's flow-dependent covariance at middle levels, "
        "half as many with a background; 0: none",
    )
    draws = param.Boolean(
        True, doc="draw the clean window at each step instead of taking its posterior mean"
    )
    temperature = param.Number(
        1.0, bounds=(0.0, 1.0),
        doc="variance of the samples about their mean relative to the posterior's: the lower, the "
        "closer is a single one to the truth, and the less do they differ; 0: nearly their mean",
    )
    batch = param.Integer(32, bounds=(1, 4096), doc="members per backpropagation: bounds memory")

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        problem, observation = absorb_background(problem)
        streams = streams.scaled(self.temperature**0.5)
        x, levels = self.begin(problem, [*self._levels(problem.prior), 0.0], streams)
        total = len(levels) - 1
        for done, (s, lower) in enumerate(zip(levels, levels[1:], strict=False), start=1):
            clean = self._clean(problem, x, s, observation, streams)
            yield Step(clean, done, total, evaluations=done, note=f"sigma {s:.3g}")
            if lower > 0:
                noise = streams.normal(problem.window)
                x = ancestral_step(x, clean, s, lower, noise, self.eta)

    def _levels(self, prior: Prior) -> list[float]:
        """First noise level, last one, and those between within the horizon of the prior."""
        first, *between, last = self.levels
        return [first, *(s for s in between if s <= prior.horizon), last]

    def _clean(
        self, problem: Problem, x: Tensor, s: float,
        observation: HomogeneousObservation | None, streams: MemberStreams,
    ) -> Tensor:
        """Clean window for each noisy one at level ``s``: a draw, or the posterior mean."""
        if self._follows_flow(problem, s):
            parts = x.split(self.batch)
            means = (self._flow_dependent_mean(problem, part, s, observation) for part in parts)
            return torch.cat(list(means))
        gaussian = Gaussian(problem.prior.denoise(x, s), problem.prior.error_covariance(s))
        draw = gaussian.draw(streams) if self.draws else None
        return posterior(problem, gaussian, observation, self.iterations, draw)

    def _follows_flow(self, problem: Problem, s: float) -> bool:
        """True if the denoiser's own covariance is used at level ``s``."""
        levels = flow_levels(problem)
        return self.flow > 0 and levels is not None and levels[0] <= s <= levels[1]

    def _flow_dependent_mean(
        self, problem: Problem, x: Tensor, s: float, observation: HomogeneousObservation | None
    ) -> Tensor:
        """Posterior mean with the denoiser's own covariance."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            denoised = problem.prior.denoise(x, s)

        def V(v: Tensor) -> Tensor:
            return s**2 * torch.autograd.grad(denoised, x, v, retain_graph=True)[0]

        gaussian = Gaussian(denoised.detach(), problem.prior.error_covariance(s))
        if problem.background is not None and observation is not None:
            background = problem.background
            return self._mean_with_background(problem, background, gaussian, observation, V)
        seen = observation_innovations(problem.network, problem.data, gaussian.mean, gaussian.cov)
        if not is_background_aware(problem):
            inflated = preconditioner_innovations(seen, s)
            table = GaussianSolver(inflated, gaussian.cov, self.iterations)
            return gaussian.mean + tweedie_increment(seen, table, V, self.flow)[0]
        table = GaussianSolver(seen, gaussian.cov, self.iterations)
        own, tabulated = tweedie_increment(seen, table, V, (self.flow + 1) // 2)
        return gaussian.mean + limit_departure(tabulated, own, gaussian.cov)

    def _mean_with_background(
        self,
        problem: Problem,
        background: Background,
        gaussian: Gaussian,
        observation: HomogeneousObservation,
        V: Map,
    ) -> Tensor:
        """Posterior mean with covariance V, close to that of the table.

        V ignores the propagation of the background by the flow: where data are uninformative, as in
        the folds of an operator, the mean may leave the range of the linearisation. The table is
        more accurate than without a background, so half of the iterations are enough.
        """
        about, _ = condition(observation, gaussian)
        tabulated = about.mean
        parts = [background_innovations(background, gaussian.mean, gaussian.cov)]
        if problem.network.size > 0:
            seen = observation_innovations(problem.network, problem.data, about.mean, about.cov)
            solver = GaussianSolver(seen, about.cov, self.iterations)
            tabulated = tabulated + solver.increment(seen.values)
            parts.append(seen.after(gaussian.mean - about.mean))
        known = stack(parts)
        table = GaussianSolver(known, gaussian.cov, self.iterations)
        own, _ = tweedie_increment(known, table, V, (self.flow + 1) // 2)
        return limit_departure(tabulated, gaussian.mean + own, about.cov)


def preconditioner_innovations(seen: Innovations, s: float) -> Innovations:
    """Inflate the observation errors seen by the preconditioner where the two covariances disagree.

    That is above noise 1, and only where windows are solved for: in the dual form, iterations that
    end early have the same effect.
    """
    if seen.spectral_information is None or s <= 1:
        return seen
    return seen.inflate_errors(ERROR_INFLATION)


def limit_departure(tabulated: Tensor, own: Tensor, cov: SpectralCovariance) -> Tensor:
    """Keep windows ``own`` within :data:`LARGEST_DEPARTURE` deviations of ``tabulated``."""
    reach = LARGEST_DEPARTURE * cov.variance().sqrt()
    return tabulated + (own - tabulated).clamp(-reach, reach)


def flow_levels(problem: Problem) -> tuple[float, float] | None:
    """Noise levels between which the denoiser's own covariance is used, or ``None``.

    With a tabulated background it must be one to rely on up to :data:`REQUIRED_FLOW_LEVEL`.
    """
    levels = problem.prior.flow_levels
    if problem.background is None:
        return levels if problem.network.size > 0 else None
    return FLOW_FROM_BACKGROUND if levels is not None and levels[1] >= REQUIRED_FLOW_LEVEL else None


def is_background_aware(problem: Problem) -> bool:
    """True if the prior has been conditioned on a background already."""
    return math.isfinite(problem.prior.horizon)


def absorb_background(problem: Problem) -> tuple[Problem, HomogeneousObservation | None]:
    """Absorb the background into the prior if it can be conditioned on one.

    Otherwise the background is returned as an observation, to condition on at every level.
    """
    background = problem.background
    if background is None:
        return problem, None
    given = problem.prior.conditioned_on(background.state, background.std)
    if given is not None:
        return replace(problem, prior=given, background=None), None
    return problem, background_observation(problem)
