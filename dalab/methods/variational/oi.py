r"""Optimal interpolation (3D-Var) with the climatological covariance, cycled with the model.

Target: at every step, a forecast prior with a static covariance, times the Gaussian likelihood of
the observations of that step, linearised statistically.

At each step the forecast x_f of the last analysis is corrected with a static covariance,

.. math:: x_a = x_f + B J^T (J B J^T + R + \Omega)^{-1} (y - \bar h) ,

where B is the climatological covariance of one state times a scale, or a white one of the same
scale, or the white error covariance of the background at step 0. For a nonlinear operator the
statistical linearisation of :mod:`dalab.methods.gaussian.linearise` is used. Errors that are white
are so in the units of the equations, where the fields of a system may vary by different amounts.

The linear system is solved by conjugate gradients to a relative residual of ``tolerance``, for
which accurate observations of a smooth field take hundreds of iterations.

An ensemble of such analyses, with perturbed background and observations, gives the spread; the
perturbations are centred, so that for linear operators the first ensemble mean is the unperturbed
analysis exactly, and one member alone is the classical, deterministic method. Members therefore
depend on how many there are: a member of four is not that of eight with the same seed.

References:
    | Daley, Atmospheric data analysis (1991), chapter 4
    | Houtekamer et al., A system simulation approach to ensemble prediction (1996): perturbations

The scale of B after step 0 is estimated at every analysis from the size of the innovations
(Dee, On-line estimation of error covariance parameters, 1995), unless it is given. It stands for
standard deviations, relative to those of the climate: DAPPER's covariance of 0.02 times that of the
climate is ``scale=0.1414``, and 4 I for Lorenz-96, of standard deviation 3.64, is
``scale=0.549,covariance=white``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import param
import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...priors.covariance import SpectralCovariance
from ...random import MemberStreams
from ...systems.base import System
from ..base import Problem
from ..cycling import centre, white_covariance
from ..filtering import Filter, State
from ..gaussian.innovations import observation_innovations
from ..gaussian.linearise import linearise
from ..gaussian.solver import GaussianSolver
from .convergence import not_converged


class OptimalInterpolation(Filter):
    """Optimal interpolation / 3D-Var: forecast model and climatological covariance."""

    family = "Variational"
    uses_prior = True
    measure = "residual"
    """Word for what tells that an analysis has converged."""

    scale = param.Number(
        0.0,
        bounds=(0.0, 4.0),
        doc="forecast error std relative to climatology; 0 estimates it from the innovations",
    )
    covariance = param.Selector(
        default="climate", objects=["climate", "white"],
        doc="forecast error: correlated as the climate, or white in the units of the equations",
    )
    background = param.Selector(
        default="forecast", objects=["forecast", "climate"],
        doc="first guess after step 0: the forecast, or the mean of the climate, without a model",
    )
    iterations = param.Integer(
        1000, bounds=(1, 10_000), doc="conjugate-gradient iterations, at most"
    )
    tolerance = param.Number(
        1e-7, bounds=(1e-12, 0.1),
        doc="residual of the linear system at which it is solved, relative to the innovations",
    )

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
        network, x = problem.network, state["ensemble"]
        noisy = perturbed(network, problem.data, streams)
        B = self._covariance(float(state.get("error_std", torch.tensor(math.nan))), problem)
        residuals: list[Tensor] = []

        def solve(data: Tensor, x: Tensor, B: SpectralCovariance) -> Tensor:
            x, residual = self.solve(network, data, x, B)
            residuals.append(residual)
            return x

        def analyse(x: Tensor, noisy: Tensor, data: Tensor) -> Tensor:
            base = self._unscaled(problem)
            scale = innovation_scale(network, data, x[:, None], base)
            return solve(noisy, x, base * scale**2)

        if B is not None:
            x = over_members(partial(solve, B=B), noisy, x)
        else:
            x = over_repeats(analyse, x, noisy, problem.data)
        return {"ensemble": x, "residual": torch.cat(residuals).max()}

    def note(self, k: int, state: State) -> str:
        return f"step {k}"

    def warning(self, state: State) -> str:
        residual = float(state.get("residual", torch.tensor(0.0)))
        return not_converged(self.measure, residual, self.iterations)

    def _covariance(self, std: float, problem: Problem) -> SpectralCovariance | None:
        """Covariance of the forecast error, or ``None`` if the innovations tell its scale.

        Args:
            std: that of the background at the first time, infinite without one; NaN after it.
            problem: supplies the climate.
        """
        if self.background == "climate" or std == math.inf:
            return climate_of(problem)
        if std > 0:
            return white_covariance(climate_of(problem), std)
        return self._unscaled(problem) * self.scale**2 if self.scale else None

    def _unscaled(self, problem: Problem) -> SpectralCovariance:
        climate = climate_of(problem)
        return climate if self.covariance == "climate" else white_in_units(problem.system, climate)

    def solve(
        self, network: ObservingNetwork, data: Tensor, x: Tensor, B: SpectralCovariance
    ) -> tuple[Tensor, Tensor]:
        """Solve for analyses of forecasts, each with its own data.

        Returns:
            Analyses ``(members, lev, y, x)``, and the relative residuals of their equations.
        """
        seen = observation_innovations(network, data, x[:, None], B)
        solver = GaussianSolver(seen, B, self.iterations, self.tolerance)
        increment, rows = solver.solve(seen.values)
        return x + increment[:, 0], solver.residual(seen.values, rows)


def climate_of(problem: Problem) -> SpectralCovariance:
    """Climatological covariance of one state."""
    return problem.prior.climatological_covariance.first()


def white_in_units(system: System, like: SpectralCovariance) -> SpectralCovariance:
    """White covariance in the units of the equations, as large as the climate in the mean.

    Args:
        system: its scales are the standard deviations of the climate's fields.
        like: covariance of one state, whose shape is taken.
    """
    scale = system.scale.flatten().to(like.matrices).expand(like.matrices.shape[-1])
    matrices = torch.diag(scale.abs().square().mean() / scale**2).expand_as(like.matrices)
    return SpectralCovariance(matrices.contiguous(), like.window)


def perturbed(network: ObservingNetwork, data: Tensor, streams: MemberStreams) -> Tensor:
    """Data with a centred perturbation for every member, ``(..., members, size)``.

    Args:
        network: network of one time.
        data: its observations, ``(..., size)``.
        streams: randomness, one stream per member.
    """
    repeats = data.shape[:-1]
    noise = [centre(streams.normal((network.size,))) for _ in range(repeats.numel())]
    std = network.variance(like=data).sqrt()
    return data.unsqueeze(-2) + std * torch.stack(noise).reshape(*repeats, *noise[0].shape)


def over_members(
    function: Callable[[Tensor, Tensor], Tensor], data: Tensor, x: Tensor
) -> Tensor:
    """Apply a function of data ``(k, size)`` and states ``(k, lev, y, x)`` to all repeats at once.

    Args:
        function: returns states.
        data: ``(..., N, size)``.
        x: ``(..., N, lev, y, x)``.
    """
    return function(data.reshape(-1, data.shape[-1]), x.reshape(-1, *x.shape[-3:])).reshape(x.shape)


def over_repeats(function: Callable[..., Tensor], x: Tensor, *others: Tensor) -> Tensor:
    """Apply a function of an ensemble ``(N, lev, y, x)``, and more, to each repeat of several."""
    if x.ndim == 4:
        return function(x, *others)
    pairs = zip(x, *others, strict=True)
    return torch.stack([over_repeats(function, *one) for one in pairs])


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
