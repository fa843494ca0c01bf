"""Scores from a trained network, tuned to the forecasts of every analysis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ....random import MemberStreams
from ...base import Problem
from ...filtering import State
from ..conditional import ConditionalMean, ConditionalMeans, NonlinearPath, Path, Time
from ..loss import linear_loss, nonlinear_loss, times
from .fitting import Loss, Network, Tuning, Weights
from .preconditioning import Estimator, linear_mean, nonlinear_means
from .score_network import ScoreNetwork

WEIGHTS = "weights"
"""Name of the weights in the state of a filter."""

Times = tuple[float, float]
"""First and last pseudo-time of a process."""


@dataclass(frozen=True)
class NetworkMean:
    """E[x_0 | x_t] by a network.

    Args:
        network: the network, told members and levels.
        path: the path on which states are diffused.
    """

    network: Estimator
    path: Path

    def estimate(self, x: Tensor, t: Time) -> Tensor:
        return linear_mean(self.network, x, t, self.path)


@dataclass(frozen=True)
class NetworkMeans:
    """E[x_0 | x_t] and E[H(x_0) | x_t] by the two heads of a network.

    Args:
        network: the network, told members and levels.
        path: the path on which states are diffused.
    """

    network: Estimator
    path: NonlinearPath

    def estimate(self, x: Tensor, t: Time) -> tuple[Tensor, Tensor]:
        return nonlinear_means(self.network, x, t, self.path)


class NetworkScore:
    """Score by a trained network.

    The first analysis takes the network as it is; each later one tunes the weights of the one
    before to its forecasts, unless there are no epochs.

    Args:
        network: the network, trained on the climate; an untrained one is tuned from the start.
        tuning: settings of the fine-tuning.
        times: pseudo-times between which states are diffused.
        trained: false for a network that has seen nothing yet.
        relative: for losses of relative errors, see :func:`linear_loss`.
    """

    def __init__(
        self, network: ScoreNetwork, tuning: Tuning, times: Times, trained: bool = True,
        relative: bool = False,
    ) -> None:
        self.weights, self.tuning, self.times = Weights(network), tuning, times
        self.trained, self.relative = trained, relative

    def begin(self, problem: Problem) -> State:
        return {WEIGHTS: self.weights.initial(()).to(problem.data.device)}

    def fit(
        self, forecasts: Tensor, path: Path, carried: State, streams: MemberStreams
    ) -> tuple[ConditionalMean, State]:
        loss = linear_network_loss(path, self.relative)
        weights = self._tuned(forecasts, loss, carried[WEIGHTS], streams)
        return NetworkMean(self.weights.estimator(weights), path), {**carried, WEIGHTS: weights}

    def fit_nonlinear(
        self, forecasts: Tensor, path: NonlinearPath, carried: State, streams: MemberStreams
    ) -> tuple[ConditionalMeans, State]:
        loss = nonlinear_network_loss(path)
        weights = self._tuned(forecasts, loss, carried[WEIGHTS], streams)
        return NetworkMeans(self.weights.estimator(weights), path), {**carried, WEIGHTS: weights}

    def _tuned(
        self, forecasts: Tensor, loss: TimedLoss, weights: Tensor, streams: MemberStreams
    ) -> Tensor:
        lead = forecasts.shape[:-4]
        first = weights.ndim == 1  # those of the network, one for all repeats
        weights = weights.expand(*lead, -1) if first else weights
        if self.tuning.epochs == 0 or (first and self.trained):
            return weights
        seed = int(torch.randint(2**62, (), generator=streams.generators[0]))
        source = torch.Generator().manual_seed(seed)
        drawn = over_times(loss, self.times)
        return self.weights.tuned(weights, forecasts, drawn, self.tuning, source)


TimedLoss = Callable[[Network, Tensor, Tensor, torch.Generator], Tensor]
"""Mean loss of a network over states ``(batch, lev, y, x)`` at times ``(batch, 1, 1, 1)``."""


def over_times(loss: TimedLoss, interval: Times) -> Loss:
    """A loss at uniform times in an interval."""
    return lambda network, states, generator: loss(
        network, states, times(len(states), *interval, generator), generator
    )


def linear_network_loss(path: Path, relative: bool = False) -> TimedLoss:
    """Loss of a network that estimates E[x_0 | x_t] on a path, see :func:`linear_loss`."""

    def loss(network: Network, states: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
        def mean(x: Tensor, t: Tensor) -> Tensor:
            return linear_mean(per_state(network), x, t, path)

        return linear_loss(mean, states, path, t, generator, relative)

    return loss


def nonlinear_network_loss(path: NonlinearPath) -> TimedLoss:
    """Loss of a network that estimates E[x_0 | x_t] and E[H(x_0) | x_t] on a path."""
    sigma = path.Sigma(1.0).sqrt()

    def loss(network: Network, states: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
        def means(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
            return nonlinear_means(per_state(network), x, t, path)

        return nonlinear_loss(means, states, path, sigma, t, generator)

    return loss


def per_state(network: Network) -> Estimator:
    """A network of states ``(batch, lev, y, x)`` that is told a level of each."""
    return lambda x, level: network(x, level.flatten().to(x))
