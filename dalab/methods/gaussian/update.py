"""Gaussian windows, updated by a background and by the observations of a network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...priors.covariance import HomogeneousObservation, SpectralCovariance
from ...random import MemberStreams
from ..base import Problem
from .innovations import observation_innovations
from .solver import GaussianSolver


@dataclass(frozen=True)
class Gaussian:
    """N(mean, cov) of windows: one mean per member, ``(members, time, lev, y, x)``."""

    mean: Tensor
    cov: SpectralCovariance

    def draw(self, streams: MemberStreams) -> Tensor:
        """One draw per member, shaped like ``mean``."""
        return self.mean + self.cov.sample(streams.normal(self.mean.shape[1:]))


def posterior(
    problem: Problem,
    gaussian: Gaussian,
    observation: HomogeneousObservation | None,
    iterations: int,
    draw: Tensor | None = None,
    streams: MemberStreams | None = None,
) -> Tensor:
    """Mean of a Gaussian window given background and observations, or a draw of that posterior.

    Args:
        problem: supplies the network and the data.
        gaussian: what is believed before looking.
        observation: what the background says, if there is one.
        iterations: conjugate-gradient iterations.
        draw: draw of ``gaussian`` to be turned into a draw of the posterior; with none, the
            posterior mean is returned.
        streams: randomness of the perturbed data, needed with ``draw``.
    """
    if observation is not None:
        gaussian, draw = condition(observation, gaussian, draw, streams)
    if problem.network.size == 0:
        return gaussian.mean if draw is None else draw
    return assimilate(problem.network, problem.data, gaussian, iterations, draw, streams)


def background_observation(problem: Problem) -> HomogeneousObservation | None:
    """What the background says about the window, to the prior; ``None`` without a background."""
    if problem.background is None:
        return None
    return problem.prior.background_observation(problem.background.state, problem.background.std)


def condition(
    observation: HomogeneousObservation,
    gaussian: Gaussian,
    draw: Tensor | None = None,
    streams: MemberStreams | None = None,
) -> tuple[Gaussian, Tensor | None]:
    """Condition a Gaussian, and a draw of it, on a homogeneous observation."""
    conditioning = gaussian.cov.condition_on(observation)
    if draw is not None:
        noise = streams.normal((len(observation.values), *gaussian.mean.shape[-2:]))
        draw = conditioning.mean(draw, noise)
    return Gaussian(conditioning.mean(gaussian.mean), conditioning.covariance), draw


def assimilate(
    network: ObservingNetwork,
    data: Tensor,
    gaussian: Gaussian,
    iterations: int,
    draw: Tensor | None = None,
    streams: MemberStreams | None = None,
) -> Tensor:
    """Mean of a Gaussian given observations alone, or a draw of that posterior.

    Args:
        network: the observing network, linearised statistically.
        data: observation vector ``(size,)``, or one per member.
        gaussian: what is believed before looking.
        iterations: conjugate-gradient iterations.
        draw: draw of ``gaussian``; see :func:`posterior`.
        streams: randomness of the perturbed data, needed with ``draw``.
    """
    mean, cov = gaussian.mean, gaussian.cov
    seen = observation_innovations(network, data, mean, cov)
    values = seen.values
    if draw is not None:
        noise = torch.sqrt(seen.error) * streams.normal((network.size,))
        values = values + noise - seen.forward(draw - mean)
    solver = GaussianSolver(seen, cov, iterations)
    return (mean if draw is None else draw) + solver.increment(values)
