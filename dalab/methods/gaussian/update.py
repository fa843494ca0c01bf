"""Gaussian windows, updated by a background and by the observations of a network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...priors.covariance import HomogeneousObservation, SpectralCovariance
from ...random import MemberStreams
from ..base import Problem
from .innovations import observation_innovations
from .solver import GaussianSolver


@dataclass(frozen=True)
class Draw:
    """Draw of a Gaussian, to be turned into one of the posterior (Matheron's rule).

    Args:
        windows: one draw per member, ``(members, time, lev, y, x)``.
        streams: randomness of the perturbed data.
    """

    windows: Tensor
    streams: MemberStreams


@dataclass(frozen=True)
class Gaussian:
    """N(mean, cov) of windows: one mean per member, ``(members, time, lev, y, x)``."""

    mean: Tensor
    cov: SpectralCovariance

    def draw(self, streams: MemberStreams) -> Draw:
        """Draw windows, one per member, shaped like ``mean``."""
        normal = streams.normal(self.mean.shape[1:])
        return Draw(self.mean + self.cov.sample(normal), streams)


def posterior(
    problem: Problem,
    gaussian: Gaussian,
    observation: HomogeneousObservation | None,
    iterations: int,
    draw: Draw | None = None,
) -> Tensor:
    """Mean of a Gaussian window given background and observations, or a draw of that posterior.

    Args:
        problem: supplies the network and the data.
        gaussian: the window before background and observations.
        observation: background as an observation of the window, if there is one.
        iterations: conjugate-gradient iterations.
        draw: draw of ``gaussian`` to be turned into a draw of the posterior; with none, the
            posterior mean is returned.
    """
    if observation is not None:
        gaussian, draw = condition(observation, gaussian, draw)
    if problem.network.size == 0:
        return gaussian.mean if draw is None else draw.windows
    return assimilate(problem.network, problem.data, gaussian, iterations, draw)


def background_observation(problem: Problem) -> HomogeneousObservation | None:
    """Background as an observation of the window; ``None`` without a background."""
    if problem.background is None:
        return None
    return problem.prior.background_observation(problem.background.state, problem.background.std)


def condition(
    observation: HomogeneousObservation, gaussian: Gaussian, draw: Draw | None = None
) -> tuple[Gaussian, Draw | None]:
    """Condition a Gaussian, and a draw of it, on a homogeneous observation."""
    conditioning = gaussian.cov.condition_on(observation)
    if draw is not None:
        noise = draw.streams.normal((len(observation.values), *gaussian.mean.shape[-2:]))
        draw = replace(draw, windows=conditioning.mean(draw.windows, noise))
    return Gaussian(conditioning.mean(gaussian.mean), conditioning.covariance), draw


def assimilate(
    network: ObservingNetwork,
    data: Tensor,
    gaussian: Gaussian,
    iterations: int,
    draw: Draw | None = None,
) -> Tensor:
    """Mean of a Gaussian given observations alone, or a draw of that posterior.

    Args:
        network: the observing network, linearised statistically.
        data: observation vector ``(size,)``, or one per member.
        gaussian: the window before the observations.
        iterations: conjugate-gradient iterations.
        draw: draw of ``gaussian``; see :func:`posterior`.
    """
    seen = observation_innovations(network, data, gaussian.mean, gaussian.cov)
    solver = GaussianSolver(seen, gaussian.cov, iterations)
    if draw is None:
        return gaussian.mean + solver.increment(seen.values)
    noise = torch.sqrt(seen.error) * draw.streams.normal((network.size,))
    values = seen.values + noise - seen.forward(draw.windows - gaussian.mean)
    return draw.windows + solver.increment(values)
