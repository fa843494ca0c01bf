r"""DAISI: data assimilation by inverse sampling along a stochastic interpolant.

A generative model of single states, trained once on the climate, is the prior. An analysis takes
every forecast backwards along the model's interpolant, from data at t = 1 to a latent at t_min
(:mod:`.inversion`), and generates a state from it again under guidance by the observations
(:mod:`.sampler`, :mod:`.guidance`). What a latent keeps of its forecast is all that the analysis
knows of the past. Members know nothing of each other: there is no ensemble covariance, hence no
localisation and no inflation, and any number of members will do. ``t_min`` and ``epsilon`` set how
far the analysis may leave the forecast, and how much spread it has.

Target: none in closed form. For a Gaussian forecast of a Gaussian climate the analysis is known
exactly (:mod:`.closed_form`), and equals the Bayes update only if the forecast is the climate and
t_min tends to 0. For other forecasts a t_min of 0.5 to 0.6 can come near it; below, the data are
trusted too much and the spread is too small. Choose t_min by the ratio of spread to skill, not by
the error alone.

Guidance is ``mmps`` with one solver iteration, as published; more iterations tell well and badly
observed values apart. ``dps-scale`` was used for many noisy data, with ``strength=10`` and
``t_min=0.4``; ``mmps,strength=20,decay=True`` for those that saturate. ``spectral`` is ours: the
calibrated error covariance of the prior instead of backpropagation, so that a step costs one
evaluation of the network.

References:
    | DAISI: inverse sampling with stochastic interpolants for data assimilation (arXiv 2512.00252)
    | DAWIS (arXiv 2610.03314), of the same group, whose code holds a DAISI with its settings
    | Meng et al. (2108.01073): SDEdit, the start ``sdedit``

What differs: the paper's text was read in part and its code not at all; equations and settings are
those of the later code, of which nothing was copied. Everything is in normalised units. The solver
of ``mmps`` runs on residuals over their errors, the same where all are equal. The score needs no
backpropagation of its own. Langevin corrections have a size for each member instead of one for all.
The first ensemble is edited without noise. What the published Lorenz-63 experiments used is not
known to us.

The noise of the inversion. In that code the noise of the generation is multiplied by the square of
the scale S by which states are normalised, and that of the inversion is not. In normalised units
the first is epsilon and the second epsilon / S^2, for surface quasi-geostrophic flow in kelvin
4.5e-4 instead of 0.03, and the inversion nearly deterministic. ``inversion_epsilon`` is that by
default: epsilon over the mean square of the system's scale in the units of its equations, but no
more than epsilon where those units make S smaller than 1. ``inversion_epsilon=0.03`` is what one
would expect.
"""

from __future__ import annotations

import copy
from typing import Self

import param
import torch
from torch import Tensor

from ....errors import InputError
from ....observations import ObservingNetwork
from ....priors import Prior
from ....priors.flow import Flow
from ....priors.gaussian import GaussianPrior, marginal
from ....priors.loading import check_state_prior, load_state_prior
from ....random import MemberStreams
from ....systems.base import System
from ...base import Problem
from ...ensemble.base import EnsembleFilter
from ...filtering import State
from .guidance import ESTIMATES, GUIDANCE, Guidance, check_differentiable
from .inversion import Normal, invert
from .sampler import Sampler

STARTS = ("invert", "sdedit", "noise")
"""Ways to the latent: the inversion, the forecast with noise added, and noise alone."""

AUTO = "auto"
"""Choice of the prior that comes with the problem or the system."""

STRENGTHS = {"dps-scale": 10.0}
"""Published strengths of guidance; 1 otherwise."""

ITERATIONS = {"spectral": 5}
"""Iterations of solvers; 1 otherwise, as published."""

STRANGE = 3.0
"""Size of the latents, relative to those of the climate, above which an analysis is warned of."""


class DAISI(EnsembleFilter):
    """Inverse sampling: forecasts to latents of a generative prior, and back under guidance."""

    family = "Score and flow filters"
    coupled = False

    members = param.Integer(
        20, bounds=(2, 10_000), doc="ensemble members, all kept in the result; those of the "
        "experiment if these are more",
    )
    guidance = param.Selector(
        default="mmps", objects=[*GUIDANCE],
        doc="likelihood score: moment matching (mmps); that of the data mean (dps), or of the norm "
        "of its residuals (dps-scale); with the prior's calibrated covariance (spectral), ours",
    )
    start = param.Selector(
        default="invert", objects=[*STARTS],
        doc="latents: forecasts inverted; forecasts with noise (sdedit); or noise (noise), which "
        "begins at t = 0 whatever t_min is and forgets the forecast",
    )
    t_min = param.Number(
        0.3, bounds=(0.0, 0.99), step=0.05,
        doc="time of the latents: near 1 the analysis stays at the forecast, near 0 it is drawn "
        "from the climate",
    )
    epsilon = param.Number(
        0.03, bounds=(0.0, 10.0), step=0.01, doc="noise of the generation over 1 - t; 0 for none"
    )
    inversion_epsilon = param.Number(
        None, bounds=(0.0, 10.0), doc="noise of the inversion over 1 - t; auto: as published, "
        "epsilon over the square of the scale of the states in the units of the system",
    )
    strength = param.Number(
        None, bounds=(0.0, 1000.0), doc="factor of the guidance; auto: 1, and 10 for dps-scale"
    )
    decay = param.Boolean(
        False, doc="multiply the guidance by 1 - t, as published for observations that saturate"
    )
    steps = param.Integer(100, bounds=(1, 10_000), doc="steps of the generation")
    inversion_steps = param.Integer(100, bounds=(1, 10_000), doc="steps of the inversion")
    iterations = param.Integer(
        None, bounds=(1, 100), doc="solver iterations per step, each a backpropagation with mmps; "
        "auto: 1, as published, and 5 for spectral, where they are cheap",
    )
    corrections = param.Integer(0, bounds=(0, 16), doc="Langevin corrections before each step")
    edit = param.Number(
        0.0, bounds=(0.0, 10.0), doc="standard deviation, normalised, of white noise of the first "
        "members that the prior removes; 0 for none",
    )
    prior = param.String(
        AUTO, doc="prior of single states: gaussian, a bundled one, or a file; auto: that of the "
        "problem if it is of single states or Gaussian, else the one of the system",
    )
    batch = param.Integer(32, bounds=(1, 4096), doc="members per evaluation: bounds the memory")

    _flow: Flow | None = None
    _scale: float = 1.0

    @property
    def effort(self) -> float:
        backward = {"spectral": 0, "mmps": self.solver_iterations}.get(self.guidance, 1)
        inversion = self.inversion_steps if self.start == "invert" else 0
        return inversion + self.steps * (1 + 2 * backward) * (1 + self.corrections)

    @property
    def evaluations(self) -> int:
        """Evaluations of the network per member and analysis."""
        inversion = self.inversion_steps if self.start == "invert" else 0
        return inversion + self.steps * (1 + self.corrections)

    @property
    def solver_iterations(self) -> int:
        """Iterations of the solver, those of the guidance if they were left open."""
        return ITERATIONS.get(self.guidance, 1) if self.iterations is None else self.iterations

    @property
    def inversion_noise(self) -> float:
        """Noise of the inversion of a prepared method, over 1 - t."""
        given = self.inversion_epsilon
        return self.epsilon / max(self._scale**2, 1.0) if given is None else given

    # --- the problem ------------------------------------------------------------------------------

    def prepare(self, problem: Problem) -> Self:
        chosen = type(self)(**self.param.values())
        chosen._flow = Flow(_moved(self.chosen_prior(problem), problem.data.device))
        chosen._scale = root_mean_square(problem.system)
        return chosen

    def chosen_prior(self, problem: Problem) -> Prior:
        """Prior of single states.

        Raises:
            InputError: for one that is unknown, or about other windows than states of the system.
        """
        given = problem.prior
        if self.prior != AUTO or given is None:
            return load_state_prior(self.prior, problem.system)
        if given.window[0] == 1:
            given.check(problem.system, 1)
            return given
        if isinstance(given, GaussianPrior):
            given.check(problem.system, given.window[0])
            return marginal(given)
        return load_state_prior(AUTO, problem.system)

    def check(self, problem: Problem, members: int) -> None:
        super().check(problem, members)
        if self.t_min == 0 and self.start != "noise":
            raise InputError(
                "t_min", self.t_min, f"must be above 0 for start={self.start}",
                "Use t_min=0.3, or start=noise, which forgets the forecast.",
            )
        check_differentiable(problem.network, self.guidance)
        if self.prior == AUTO and problem.prior is not None:
            self.chosen_prior(problem)
        else:
            check_state_prior(self.prior, problem.system)

    # --- the filter -------------------------------------------------------------------------------

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        return {"ensemble": self.edited(ensemble) if self.edit > 0 else ensemble}

    def edited(self, x: Tensor) -> Tensor:
        """Members ``(..., N, lev, y, x)`` without their white noise of standard deviation edit.

        At t = 1 / (1 + edit), t times the members are at the noise level of the interpolant; the
        flow takes them to t = 1.
        """
        t = 1 / (1 + self.edit)
        sampler = Sampler(flow=self.flow, steps=self.steps, batch=self.batch)
        with torch.no_grad():
            found = sampler.generate(t * _windows(x), t, lambda: torch.zeros(()))
        return found.view_as(x)

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        forecast = state["ensemble"]
        latent = self.latent(forecast, streams)
        found = self.generated(latent, problem.network, problem.data, streams)
        return {**state, "ensemble": found, "forecast": forecast, "latent": latent}

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        return self.generated(self.latent(ensemble, streams), network, data, streams)

    def latent(self, x: Tensor, streams: MemberStreams) -> Tensor:
        """Latents of forecasts, both ``(..., N, lev, y, x)``."""
        normal = _normal(x, streams)
        if self.start == "noise":
            return normal().view_as(x)
        if self.start == "sdedit":
            return self.t_min * x + (1 - self.t_min) * normal().view_as(x)
        found = invert(
            self.flow, _windows(x), t_min=self.t_min, steps=self.inversion_steps,
            epsilon=self.inversion_noise, normal=normal, batch=self.batch,
        )
        return found.view_as(x)

    def generated(
        self, latent: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        """States from latents under guidance.

        Args:
            latent: latents, ``(..., N, lev, y, x)``.
            network: network of one time.
            data: its observations, ``(..., size)``.
            streams: randomness, one stream per member.

        Raises:
            InputError: for data that are not finite.
        """
        missing = int((~data.isfinite()).sum())
        if missing:
            raise InputError(
                "observations", f"{missing} NaN or infinite", "must be finite",
                "Leave them out of the network, with a mask.",
            )
        rows = data.unsqueeze(-2).expand(*latent.shape[:-3], -1).flatten(0, -2)
        found = self.sampler.generate(
            _windows(latent), self.time_of_latents, _normal(latent, streams),
            self.estimate_of(network), rows,
        )
        return found.view_as(latent)

    def estimate_of(self, network: ObservingNetwork) -> Guidance:
        """Estimate of the likelihood score for the observations of a network."""
        return ESTIMATES[self.guidance](self.flow, network, self.solver_iterations)

    @property
    def sampler(self) -> Sampler:
        """Guided generation with the options of the method."""
        strength = STRENGTHS.get(self.guidance, 1.0) if self.strength is None else self.strength
        return Sampler(
            flow=self.flow, steps=self.steps, epsilon=self.epsilon, strength=strength,
            decay=self.decay, corrections=self.corrections, batch=self.batch,
        )

    @property
    def time_of_latents(self) -> float:
        """Time at which the generation begins."""
        return 0.0 if self.start == "noise" else self.t_min

    @property
    def flow(self) -> Flow:
        """Interpolant of the prior of a prepared method.

        Raises:
            InputError: for one that is not prepared.
        """
        if self._flow is None:
            raise InputError("daisi", "not prepared", "must know its problem", "Use prepare first.")
        return self._flow

    # --- what is seen of it -----------------------------------------------------------------------

    def analysis_stages(self, state: State) -> dict[str, Tensor]:
        return {name: state[name] for name in ("forecast", "latent") if name in state}

    def diagnostics(self, state: State) -> dict[str, Tensor]:
        return {"latent_size": self._latent_size(state)} if "latent" in state else {}

    def warning(self, state: State) -> str:
        size = float(self._latent_size(state).max()) if "latent" in state else 0.0
        if not size > STRANGE:
            return ""
        return f"latents {size:.1f} times those of the climate: forecasts that the prior knows not"

    def _latent_size(self, state: State) -> Tensor:
        """Root mean square of the latents over that of latents of the climate, per repeat."""
        t, latent = self.time_of_latents, state["latent"]
        climate = self.flow.prior.climatological_covariance.variance()[0].to(latent)
        return (latent.square() / ((1 - t) ** 2 + t**2 * climate)).mean((-4, -3, -2, -1)).sqrt()


def root_mean_square(system: System) -> float:
    """Root mean square over the fields of a system of the scales of its states."""
    return float(torch.as_tensor(system.scale).double().square().mean().sqrt())


def _windows(x: Tensor) -> Tensor:
    """Members ``(..., N, lev, y, x)`` one after the other, as windows of one state."""
    return x.reshape(-1, 1, *x.shape[-3:])


def _normal(x: Tensor, streams: MemberStreams) -> Normal:
    """Source of standard normal numbers for the windows of members."""
    shape = (*x.shape[:-4], *x.shape[-3:])
    return lambda: _windows(streams.normal(shape).movedim(0, -4).to(x))


def _moved(prior: Prior, device: torch.device) -> Prior:
    """The prior on a device; a copy unless it is there already."""
    tensors = [*prior.parameters(), *prior.buffers()]
    if all(t.device.type == device.type for t in tensors):
        return prior
    return copy.deepcopy(prior).to(device)
