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

from collections.abc import Iterator

import param
import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...priors.covariance import SpectralCovariance
from ...random import MemberStreams
from ..base import Method, Problem, Step
from ..cycling import centre, observations_at, pad, white_covariance
from ..gaussian.linearise import linearise
from ..gaussian.update import Gaussian, assimilate


class OptimalInterpolation(Method):
    """Optimal interpolation / 3D-Var: forecast model and climatological covariance."""

    family = "Variational"
    uses_model = True
    coupled = True

    scale = param.Number(
        0.0,
        bounds=(0.0, 4.0),
        doc="forecast error std relative to climatology; 0 estimates it from the innovations",
    )
    iterations = param.Integer(60, bounds=(1, 1000), doc="conjugate-gradient iterations")

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        climate = problem.prior.climatological_covariance.first()
        total, window = problem.window[0], []
        x, B = self.first_guess(problem, climate, streams)
        for k in range(total):
            if k > 0:
                x = problem.system.step(window[-1])
                B = None
            window.append(self.analysis(problem, k, x, B, climate, streams))
            yield Step(pad(window, total), k + 1, total, note=f"step {k}")

    def first_guess(
        self, problem: Problem, climate: SpectralCovariance, streams: MemberStreams
    ) -> tuple[Tensor, SpectralCovariance]:
        """Perturbed first guesses ``(members, lev, y, x)`` and their error covariance."""
        normal = centre(streams.normal((1, *problem.window[1:])))
        if problem.background is None:
            return climate.sample(normal)[:, 0], climate
        background = problem.background
        B = white_covariance(climate, background.std)
        return background.state + background.std * normal[:, 0], B

    def analysis(
        self,
        problem: Problem,
        k: int,
        x: Tensor,
        B: SpectralCovariance | None,
        climate: SpectralCovariance,
        streams: MemberStreams,
    ) -> Tensor:
        """Correct the forecasts of step ``k`` with the observations of that step."""
        network, data = observations_at(problem, k)
        if network.size == 0 or not torch.isfinite(x).all():
            return x
        if B is None:
            scale = self.scale or innovation_scale(network, data, x[:, None], climate)
            B = climate * scale**2
        noise = network.variance(like=data).sqrt() * centre(streams.normal((network.size,)))
        return self.solve(network, data + noise, x, B)

    def solve(
        self, network: ObservingNetwork, data: Tensor, x: Tensor, B: SpectralCovariance
    ) -> Tensor:
        """Solve for analyses ``(members, lev, y, x)`` of forecasts, each with its own data."""
        return assimilate(network, data, Gaussian(x[:, None], B), self.iterations)[:, 0]




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
