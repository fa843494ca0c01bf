"""Dyads with one observation, for Omega and its reference."""

from __future__ import annotations

import torch

from dalab.methods import Problem
from dalab.methods.conditional_gaussian.members import Units
from dalab.methods.conditional_gaussian.mixture_filter import members_of
from dalab.observations import OPERATORS, network
from dalab.random import TimeStreams, stream
from dalab.systems import SYSTEMS

MEAN, VARIANCE, COVARIANCE, MEAN_R = (1.608, -1.180), (0.0578, 0.703), 0.0172, 0.1326
"""Posterior of the dyad after :func:`forecast` and an observation 1.6 of x with error 0.3."""

FORECAST, FORECAST_VARIANCE = (1.661, -1.133), (0.175, 0.728)


def dyad(interval=0.5, dt=0.005, **values):
    """The dyad, its forecasts 100 time steps long."""
    options = "".join(f",{k}={v}" for k, v in values.items())
    return SYSTEMS.make(f"dyad:interval={interval},dt={dt}{options}")


def observing(system, y, std=0.3, steps=1):
    """Problem of one observation y of x, in the units of the equations."""
    offset, scale = (v.flatten()[0] for v in (system.offset, system.scale))
    net = network(OPERATORS.make("component:field=1", system), noise=std / float(scale))
    data = torch.full((steps,), float((y - offset) / scale), dtype=torch.float64)
    return Problem(system, None, net.realise(system, steps), data)


def start(system, members, generator):
    """Members x ~ N(1, 0.2^2), y ~ N(2, 0.5^2), ``(members, 2, 1, 1)``."""
    normal = torch.randn(members, 2, generator=generator, dtype=torch.float64)
    physical = torch.tensor([1.0, 2.0]) + torch.tensor([0.2, 0.5]) * normal
    return system.normalised(physical.view(members, 2, 1, 1))


def forecast(method, problem, members, seed=0):
    """State of a filter before the observation."""
    source = stream(seed, "forecast")
    state = method.begin(start(problem.system, members, source), problem)
    return method.forecast(state, problem, 1, source)


def analysis(method, problem, members, seed=0, state=None):
    """State of a filter after the observation."""
    state = forecast(method, problem, members, seed) if state is None else state
    streams = TimeStreams(stream(seed, "analysis"), members, dtype=torch.float64)
    return method.assimilate(state, problem, streams)


def moments(state, system):
    """Means and variances of x and y, their covariance, and the mean variance given the path."""
    found = Units(system).physical(members_of(state))
    w, u, m = found.weights, found.u.flatten(), found.hidden.mean.flatten()
    R = float((w * found.hidden.cov.flatten()).sum())
    mean = [float((w * part).sum()) for part in (u, m)]
    var = [float((w * (part - a).square()).sum()) for part, a in zip((u, m), mean, strict=True)]
    cov = float((w * (u - mean[0]) * (m - mean[1])).sum())
    return mean, [var[0], var[1] + R], cov, R
