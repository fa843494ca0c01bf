"""Exact filter of the hidden variables where the resolved ones are seen at every time step.

The law of the hidden variables given the path is one Gaussian, which all members share. At the
first observation it is that of the climate, where the system knows it and there is no background;
else it follows from the members that there are, by regression on the resolved variables if there
are twice as many members as these.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...errors import InputError
from ...random import MemberStreams
from ...systems.conditional_gaussian.base import ConditionalGaussian, Gaussian, apply
from ..base import Problem
from ..filtering import State
from .marginals import marginal_density
from .members import Members, Units, normal_numbers
from .observed import Observed, check_observations, conditional_gaussian, observations
from .recursions import draw, update

EXACT = 0.1
"""Largest error of observations that count as exact, over what noise adds in a time step."""

RANK = 1e-9
"""Least singular value of an operator that sees all resolved variables, over the largest one."""


def check_path(problem: Problem) -> None:
    """Raise unless the resolved variables are observed exactly at every time step.

    Raises:
        InputError: if they are not.
    """
    system = conditional_gaussian(problem.system)
    _check_steps(system, 1)
    seen = check_observations(problem, system)
    if len(seen) < problem.network.steps:
        raise InputError(
            "observed steps", len(seen), f"must be all {problem.network.steps} in this regime",
            "Use interval=1, or regime=discrete.",
        )
    noise = _noise(system)
    for one in seen:
        _inverse(one)
        if (one.variance.sqrt().max() / one.H.abs().amax()) > EXACT * noise:
            raise InputError(
                "noise", f"{float(one.variance.sqrt().max()):.4g}",
                f"must be at most {EXACT * noise:.2g} in this regime, which takes observations for "
                "exact", "Use a smaller one, or regime=discrete.",
            )


def _check_steps(system: ConditionalGaussian, intervals: int) -> None:
    if intervals * system.steps_per_interval != 1:
        raise InputError(
            "interval of observations", intervals * system.interval,
            f"must be one time step of {system.dt:g} in this regime",
            f"Use interval={system.dt:g} of the system, or regime=discrete.",
        )


def _inverse(seen: Observed) -> Tensor:
    """Pseudo-inverse of an operator, ``(D1, size)``, which must see all resolved variables."""
    U, values, Vh = torch.linalg.svd(seen.H, full_matrices=False)
    if len(values) < seen.H.shape[-1] or values[-1] <= RANK * values[0]:
        raise InputError(
            "operators", f"{len(seen.H)} values", f"must see all {seen.H.shape[-1]} resolved "
            "variables in this regime", "Observe every one, or use regime=discrete.",
        )
    return (Vh.mT / values) @ U.mT


def _noise(system: ConditionalGaussian) -> float:
    """Least standard deviation that noise adds to a resolved variable in a time step."""
    units = Units(system)
    S1 = system.coefficients(units.offset[0]).S1
    added = S1.square().sum(-1).sqrt() / units.scale[0]
    return float(added.min())


def begin(ensemble: Tensor) -> State:
    """State before the first observation."""
    return {"ensemble": ensemble, "mean": ensemble.mean(-4)}


def forecast(
    state: State, problem: Problem, steps: int, generator: torch.Generator | None
) -> State:
    """Draws a time step later; the law waits for the observation.

    Raises:
        InputError: if the step is not a time step of the system, or the last one was not observed.
    """
    system = conditional_gaussian(problem.system)
    _check_steps(system, steps)
    if "resolved" not in state:
        return begin(system.step(state["ensemble"], steps, generator))
    if "waiting" in state:
        raise InputError(
            "observations", "none at a time step", "must be there at every one in this regime",
            "Leave gaps and missing out, or use regime=discrete.",
        )
    x = state["ensemble"]
    known = _physical(state, system)
    u = known.u.expand(*x.shape[:-3], *known.u.shape[-2:])
    v = draw(known.hidden, normal_numbers(u.new_empty(*u.shape[:-1], known.hidden.mean.shape[-1]),
                                          generator))
    ahead = system.join(*system.advance_once(u, v, generator))
    law = system.coefficients(known.u, known.hidden)
    mean_v = apply(law.F, known.hidden.mean) + law.c
    mean = system.join(known.u + law.f + apply(law.H, known.hidden.mean), mean_v).squeeze(-4)
    found = {"ensemble": system.normalised(ahead).to(x), "mean": system.normalised(mean).to(x)}
    return {**state, **found, "waiting": x.new_ones(())}


def assimilate(state: State, problem: Problem, streams: MemberStreams) -> State:
    """State after an exact observation of the resolved variables."""
    system = conditional_gaussian(problem.system)
    seen = observations(problem.network, problem.data, system)
    inverse = _inverse(seen)
    units = Units(system, seen.y.device)
    path = apply(inverse, seen.y)
    u = units.offset[0] + units.scale[0] * path.view(*path.shape[:-1], *units.offset[0].shape)
    u = u.unsqueeze(-3)  # an axis of members
    if "resolved" in state:
        before = _physical(state, system)
        law = system.coefficients(before.u, before.hidden)
        hidden, _ = update(before.hidden, law, u - before.u)
    else:
        hidden = _start(system.physical(state["ensemble"].double()), u, problem, system)
    known = Members(u.new_zeros(u.shape[:-2]), u, hidden)
    return _state(known, system, streams, state["ensemble"], inverse * seen.variance.sqrt())


def marginal(state: State, field: int, grid: Tensor) -> Tensor | None:
    """Density of one variable, ``(..., G)``; ``None`` if it is resolved, or nothing was seen."""
    if "resolved" not in state or field < state["resolved"].shape[-1]:
        return None
    u, hidden = state["resolved"], Gaussian(state["hidden_mean"], state["hidden_cov"])
    return marginal_density(Members(u.new_zeros(u.shape[:-2]), u, hidden), field, grid)


def _state(
    members: Members, system: ConditionalGaussian, streams: MemberStreams, like: Tensor,
    error: Tensor,
) -> State:
    """State of a law, with members that know of the error of the observations.

    Args:
        members: the law, that of one member.
        system: the system.
        streams: randomness, one stream per member.
        like: members, ``(..., N, lev, y, x)``.
        error: root of the error covariance of normalised resolved variables, ``(D1, size)``.
    """
    found = Units(system, like.device).normalised(members)
    mean, cov = found.hidden

    def normal(*shape: int) -> Tensor:
        return streams.normal((*like.shape[:-4], *shape)).to(mean).movedim(0, -1 - len(shape))

    v = draw(found.hidden, normal(*mean.shape[-2:]))
    u = found.u + apply(error, normal(error.shape[-1])).unflatten(-1, found.u.shape[-2:])
    ensemble = system.join(u, v)
    return {
        "ensemble": ensemble.to(like), "mean": system.join(found.u, mean).squeeze(-4).to(like),
        "resolved": found.u, "hidden_mean": mean, "hidden_cov": cov,
    }


def _physical(state: State, system: ConditionalGaussian) -> Members:
    u, mean, cov = state["resolved"], state["hidden_mean"], state["hidden_cov"]
    members = Members(u.new_zeros(u.shape[:-2]), u, Gaussian(mean, cov))
    return Units(system, u.device).physical(members)


def _start(x: Tensor, u: Tensor, problem: Problem, system: ConditionalGaussian) -> Gaussian:
    """Law of the hidden variables at the first observation, which tells the resolved ones.

    Args:
        x: members before it, ``(..., N, lev, y, x)``.
        u: resolved variables, ``(..., 1, blocks, d1)``.
        problem: the problem.
        system: its system.
    """
    known = system.climate_of_hidden(u) if problem.background is None else None
    if known is not None:
        return known
    us, vs = system.split(x)
    if x.shape[-4] < 2 * us.shape[-1]:
        us = torch.zeros_like(us)
    return _regressed(us, vs, u)


def _regressed(us: Tensor, vs: Tensor, u: Tensor) -> Gaussian:
    """Law of the hidden variables given the resolved ones, from members ``(..., N, blocks, d)``."""
    mean_u, mean_v = (part.mean(-3, keepdim=True) for part in (us, vs))
    root = math.sqrt(max(us.shape[-3] - 1, 1))
    U, V = ((part - mean).movedim(-3, -1) / root
            for part, mean in ((us, mean_u), (vs, mean_v)))  # (..., blocks, d, N)
    gain = V @ torch.linalg.pinv(U)
    left = V - gain @ U
    cov = (left @ left.mT).unsqueeze(-4)
    return Gaussian(mean_v + apply(gain.unsqueeze(-4), u - mean_u), cov)
