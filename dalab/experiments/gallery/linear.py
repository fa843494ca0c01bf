"""Linear problems of a few numbers, filters on them, and their exact answers by Kalman's formulas.

States have no space, ``(variables, 1, 1)``, so that no filter localises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ...methods import Filter, Problem
from ...observations import OPERATORS, ObservingNetwork, network
from ...random import MemberStreams, TimeStreams, stream
from ...systems.base import System


@dataclass(frozen=True, kw_only=True)
class AutoRegression(System):
    """Independent numbers that decay and are stirred: x' = factor x + noise.

    Args:
        count: how many.
        factor: of an interval.
        noise: standard deviation of what an interval adds.
    """

    count: int = 1
    factor: float = 0.9
    noise: float = 0.19**0.5
    linear = True

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.count, 1, 1

    def step(self, x: Tensor, n: int = 1, generator: torch.Generator | None = None) -> Tensor:
        for _ in range(n):
            x = self.factor * x
            if self.noise and generator is not None:
                x = x + self.noise * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return x


def observing(system: System, r: float, first: bool = False) -> ObservingNetwork:
    """One time at which all variables, or the first, are observed with errors of std r."""
    operator = OPERATORS.make("component" if first else "identity", system)
    return network(operator, noise=r).realise(system, 1)


def quantiles(members: int, std: float = 1.0, mean: float = 0.0) -> Tensor:
    """A normal ensemble of one number without sampling error, ``(members, 1, 1, 1)``."""
    p = (torch.arange(members, dtype=torch.float64) + 0.5) / members
    x = torch.special.ndtri(p)
    return (mean + std * x / x.std()).reshape(members, 1, 1, 1)


def analyse(method: Filter, forecasts: Tensor, r: float, y: float, seed: int = 0) -> Tensor:
    """One analysis of forecasts ``(N, variables, 1, 1)`` whose every variable is observed as y."""
    system = AutoRegression(count=forecasts.shape[-3])
    network = observing(system, r)
    data = torch.full((network.size,), y, dtype=torch.float64)
    streams = MemberStreams(seed, len(forecasts), dtype=torch.float64)
    with torch.no_grad():
        problem = problem_of(system, network, data)
        return method.prepare(problem).assimilate(
            method.begin(forecasts, problem), problem, streams
        )["ensemble"]


def problem_of(system: System, network: ObservingNetwork, data: Tensor) -> Problem:
    """The problem of a filter, which needs no prior."""
    return Problem(system, cast(Any, None), network, data)


def moments(found: Tensor) -> tuple[float, float]:
    """Mean and standard deviation over members of one number."""
    return float(found.mean()), float(found.std())


def kalman(P: float, r: float) -> tuple[float, float]:
    """Gain and standard deviation of the exact analysis of N(m, P) observed with error r."""
    gain = P / (P + r**2)
    return gain, ((1 - gain) * P) ** 0.5


def steady_spread(system: AutoRegression, r: float) -> float:
    """Standard deviation of the exact analysis after many cycles."""
    P = 1.0
    for _ in range(1000):
        _, std = kalman(system.factor**2 * P + system.noise**2, r)
        P = std**2
    return P**0.5


@dataclass(frozen=True)
class Record:
    """Scores of a cycled filter, over all truths.

    Args:
        rmse: error of the ensemble mean, ``(cycles, variables)``.
        spread: of the ensemble, same shape.
    """

    rmse: np.ndarray
    spread: np.ndarray


def cycle(
    method: Filter, system: AutoRegression, r: float, cycles: int, *, members: int = 100,
    truths: int = 50, seed: int = 0, first: bool = False,
) -> Record:
    """Cycle a filter on truths of its own model, observed at every cycle.

    Args:
        method: the filter.
        system: model and truth.
        r: standard deviation of the errors.
        cycles: analyses.
        members: of the ensemble.
        truths: independent repeats.
        seed: of everything random.
        first: true if only the first variable is observed.
    """
    network, source = observing(system, r, first), stream(seed, "truth")
    truth = torch.randn(truths, *system.shape, generator=source, dtype=torch.float64)
    start = torch.randn(
        truths, members, *system.shape, generator=stream(seed, "start"), dtype=torch.float64
    )
    problem = problem_of(system, network, torch.zeros(truths, network.size))
    method = method.prepare(problem)
    state, errors, spreads = method.begin(start, problem), [], []
    for k in range(cycles):
        streams = TimeStreams(stream(seed, "filter", k), members, dtype=torch.float64)
        truth = system.step(truth, 1, source)
        state = method.forecast(state, problem, 1, streams.generators[0])
        normal = torch.randn(truths, network.size, generator=source, dtype=torch.float64)
        data = network.apply(truth.unsqueeze(-4)) + r * normal
        now = problem_of(system, network, data)
        with torch.no_grad():
            state = method.assimilate(state, now, streams)
        x = state["ensemble"]
        errors.append((x.mean(-4) - truth).square().mean(0).sqrt().flatten())
        spreads.append(x.var(-4).mean(0).sqrt().flatten())
    return Record(torch.stack(errors).numpy(), torch.stack(spreads).numpy())
