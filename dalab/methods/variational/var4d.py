r"""4D-Var: the initial state whose trajectory fits the whole window best.

Target: the background or the climatological prior of step 0 times the Gaussian likelihood of all
observations of the window, with a perfect model, or one with Gaussian errors; the result is the
mode.

Strong constraint: the unknown is the state of step 0, and the forecast model carries it through
the window (:mod:`dalab.methods.variational.cost`). The background is the one given, with its white
error, or else the climatology: mean zero and the climatological covariance of one state.

Weak constraint (``weak``): unknown are also the errors of the model over every interval
(:mod:`dalab.methods.variational.weak`). They are white with standard deviation ``model_error``, or
have the covariance that a cycled experiment tells its methods.

Two minimisations are on offer: L-BFGS on the full cost, and the incremental form, where outer
loops linearise model and operators and conjugate gradients solve the inner quadratic problem. Both
start from the 3D-Var analysis of the observations of step 0, which costs no model integration, and
from a model without errors. L-BFGS says so if it has not brought the gradient to a hundredth of
that at the background; outer loops are a number that is set, as in operational centres.

With several members this is an ensemble of 4D-Vars: each has its own perturbed background and
observations, all are minimised together in one batch. The perturbations are centred, so that the
ensemble mean is the unperturbed analysis where the problem is linear, and members depend on how
many there are; one member alone is the classical, deterministic method.

References:
    | Le Dimet and Talagrand (1986); Courtier, Thepaut and Hollingsworth (1994)
    | Tremolet, Accounting for an imperfect model in 4D-Var (2006): model-error forcing
    | Isaksen et al., Ensemble of data assimilations at ECMWF (2010)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import param
from torch import Tensor

from ...observations import ObservingNetwork
from ...priors.covariance import SpectralCovariance
from ...random import MemberStreams
from ..base import Method, Problem, Step
from ..cycling import centre, white_covariance
from .convergence import not_converged
from .cost import Variational
from .weak import WeakVariational

UNTOLD = 0.1
"""Standard deviation of the model's error where nothing tells it."""


class Var4D(Method):
    """4D-Var through the differentiable forecast model, perfect or not, as an ensemble."""

    family = "Variational"
    uses_model = True
    coupled = True

    iterations = param.Integer(60, bounds=(1, 1000), doc="L-BFGS iterations on the full cost")
    outer = param.Integer(
        0, bounds=(0, 50), doc="outer loops of the incremental form; 0 takes L-BFGS"
    )
    inner = param.Integer(15, bounds=(1, 500), doc="conjugate-gradient iterations per outer loop")
    weak = param.Boolean(False, doc="take the forecast model for one that makes errors")
    model_error = param.Number(
        None, bounds=(0.0, 4.0), inclusive_bounds=(False, True),
        doc="standard deviation of the model's error over one interval, normalised, if weak; auto: "
        "as the experiment tells, or else 0.1",
    )

    @property
    def effort(self) -> float:
        return self.outer * self.inner if self.outer else self.iterations

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        cost = ensemble_cost(problem, streams)
        start = fit_first_step(cost, problem.network)
        if self.weak:
            errors = centre(streams.normal((problem.window[0] - 1, *problem.window[1:])))
            cost = WeakVariational.of(cost, problem.system.step, self._error(problem), errors)
            start = cost.without_errors(start)
        if self.outer:
            for done, v in enumerate(cost.gauss_newton(self.outer, self.inner, start), start=1):
                note = f"outer loop {done} of {self.outer}"
                yield Step(cost.window(v), done, self.outer, note=note)
            return
        for done, now in enumerate(cost.quasi_newton(self.iterations, start), start=1):
            note = f"iteration {done} of {self.iterations}, cost {float(now.value.mean()):.5g}"
            left = float(cost.relative_gradient(now).max()) if done == self.iterations else 0.0
            warning = not_converged("gradient", left, self.iterations)
            yield Step(cost.window(now.v), done, self.iterations, note=note, warning=warning)

    def _error(self, problem: Problem) -> SpectralCovariance:
        """Covariance of the model's error over one interval."""
        if self.model_error is None and problem.model_error is not None:
            return problem.model_error
        climate = problem.prior.climatological_covariance.first()
        return white_covariance(climate, self.model_error or UNTOLD)


def ensemble_cost(problem: Problem, streams: MemberStreams) -> Variational:
    """Cost functions of perturbed 4D-Vars, one per member."""
    x, B = first_guess(problem, streams)
    noise = centre(streams.normal((problem.network.size,)))
    return Variational(
        first_guess=x,
        covariance=B,
        model=lambda state: problem.system.trajectory(state, problem.window[0]),
        network=problem.network,
        data=problem.data + problem.network.variance(like=problem.data).sqrt() * noise,
    )


def fit_first_step(cost: Variational, network: ObservingNetwork) -> Tensor:
    """Control vectors ``(members, d)`` of the 3D-Var analysis of step 0."""
    data = cost.data[:, network.rows(0).to(cost.data.device)]
    alone = replace(cost, model=lambda state: state[:, None], network=network.at(0), data=data)
    return alone.minimise(iterations=30).v


def first_guess(problem: Problem, streams: MemberStreams) -> tuple[Tensor, SpectralCovariance]:
    """Perturbed backgrounds ``(members, lev, y, x)`` and the covariance of their error."""
    climate = problem.prior.climatological_covariance.first()
    normal = centre(streams.normal((1, *problem.window[1:])))
    if problem.background is None:
        return climate.sample(normal)[:, 0], climate
    B = white_covariance(climate, problem.background.std)
    return problem.background.state + B.sample(normal)[:, 0], B
