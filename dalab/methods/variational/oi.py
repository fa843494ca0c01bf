r"""Optimal interpolation (3D-Var) with the climatological covariance, cycled with the model.

Target: at every step, a forecast prior with a static covariance, times the Gaussian likelihood of
the observations of that step, linearised statistically.

At each step the forecast x_f of the last analysis is corrected with a static covariance,

.. math:: x_a = x_f + B J^T (J B J^T + R + \Omega)^{-1} (y - \bar h) ,

where B is the climatological covariance of one state times a scale, or the white error covariance
of the background at step 0. For a nonlinear operator the statistical linearisation of
:mod:`dalab.methods.gaussian.linearise` is used.

An ensemble of such analyses, with perturbed background and observations, gives the spread; the
perturbations are centred, so that for linear operators the first ensemble mean is the unperturbed
analysis exactly, and one member alone is the classical, deterministic method.

References:
    | Daley, Atmospheric data analysis (1991), chapter 4
    | Houtekamer et al., A system simulation approach to ensemble prediction (1996): perturbations

The scale of B after step 0 is estimated at every analysis from the size of the innovations
(Dee, On-line estimation of error covariance parameters, 1995), unless it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import param
import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...priors.covariance import SpectralCovariance
from ...random import MemberStreams
from ..base import Problem
from ..cycling import centre, white_covariance
from ..filtering import Filter, State
from ..gaussian.linearise import linearise
from ..gaussian.update import Gaussian, assimilate


class OptimalInterpolation(Filter):
    """Optimal interpolation / 3D-Var: forecast model and climatological covariance."""

    family = "Variational"
    uses_prior = True

    scale = param.Number(
        0.0,
        bounds=(0.0, 4.0),
        doc="forecast error std relative to climatology; 0 estimates it from the innovations",
    )
    background = param.Selector(
        default="forecast", objects=["forecast", "climate"],
        doc="first guess after step 0: the forecast, or the mean of the climate, without a model",
    )
    iterations = param.Integer(60, bounds=(1, 1000), doc="conjugate-gradient iterations")

    def initial_ensemble(self, problem: Problem, streams: MemberStreams) -> Tensor:
        normal = centre(streams.normal((1, *problem.window[1:])))
        if problem.background is None:
            return climate_of(problem).sample(normal)[:, 0]
        return problem.background.state + problem.background.std * normal[:, 0]

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        std = torch.tensor(math.inf if problem.background is None else problem.background.std)
        return {"ensemble": ensemble, "error_std": std}

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        x = state["ensemble"]
        if self.background == "climate":
            return {"ensemble": torch.zeros_like(x)}
        return {"ensemble": problem.system.step(x, steps)}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        climate, network = climate_of(problem), problem.network
        std = float(state.get("error_std", torch.tensor(math.nan)))

        def analyse(x: Tensor, data: Tensor) -> Tensor:
            B = self._covariance(std, network, data, x, climate)
            noise = network.variance(like=data).sqrt() * centre(streams.normal((network.size,)))
            return self.solve(network, data + noise, x, B)

        return {"ensemble": over_repeats(analyse, state["ensemble"], problem.data)}

    def note(self, k: int, state: State) -> str:
        return f"step {k}"

    def _covariance(
        self, std: float, network: ObservingNetwork, data: Tensor, x: Tensor,
        climate: SpectralCovariance,
    ) -> SpectralCovariance:
        """Covariance of the forecast error; ``std`` is that of a background, NaN after it."""
        if self.background == "climate" or std == math.inf:
            return climate
        if std > 0:
            return white_covariance(climate, std)
        scale = self.scale or innovation_scale(network, data, x[:, None], climate)
        return climate * scale**2

    def solve(
        self, network: ObservingNetwork, data: Tensor, x: Tensor, B: SpectralCovariance
    ) -> Tensor:
        """Solve for analyses ``(members, lev, y, x)`` of forecasts, each with its own data."""
        return assimilate(network, data, Gaussian(x[:, None], B), self.iterations)[:, 0]



def climate_of(problem: Problem) -> SpectralCovariance:
    """Climatological covariance of one state."""
    return problem.prior.climatological_covariance.first()


def over_repeats(function: Callable[[Tensor, Tensor], Tensor], x: Tensor, data: Tensor) -> Tensor:
    """Apply a function of an ensemble ``(N, lev, y, x)`` and its data to each repeat of several."""
    if x.ndim == 4:
        return function(x, data)
    return torch.stack([over_repeats(function, *one) for one in zip(x, data, strict=True)])


def innovation_scale(
    network: ObservingNetwork, data: Tensor, forecast: Tensor, climate: SpectralCovariance
) -> float:
    """Scale of the climatological std that explains the size of the innovations.

    Args:
        network: network of one step.
        data: its observations, ``(size,)``.
        forecast: forecasts ``(members, 1, lev, y, x)``; their mean is compared with the data.
        climate: climatological covariance of one state.
    """
    mean = forecast.mean(0, keepdim=True)
    observed = float(((data - network.apply(mean)) ** 2 - network.variance(like=data)).mean())
    low, high = 0.02, 1.0
    for _ in range(8):
        middle = (low * high) ** 0.5
        lin = linearise(network, mean, climate * middle**2)
        expected = float((lin.signal + lin.excess + (lin.mean - network.apply(mean)) ** 2).mean())
        low, high = (middle, high) if expected < observed else (low, middle)
    return (low * high) ** 0.5
