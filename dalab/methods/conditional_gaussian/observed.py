"""Observations of the resolved variables of a conditional Gaussian system, y = H u + noise."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import InputError
from ...observations import ObservingNetwork
from ...systems.base import System
from ...systems.conditional_gaussian.base import ConditionalGaussian
from ..base import Problem


class Observed(NamedTuple):
    """Linear observations of one time, of normalised resolved variables in one row.

    Attributes:
        H: ``(size, D1)``.
        variance: assumed variances of the errors, ``(size,)``.
        y: data less what is observed of a state of zeros, ``(..., size)``.
    """

    H: Tensor
    variance: Tensor
    y: Tensor


def conditional_gaussian(system: System) -> ConditionalGaussian:
    """A system as a conditional Gaussian one.

    Raises:
        InputError: if it is none.
    """
    if not isinstance(system, ConditionalGaussian):
        raise InputError(
            "system", system.name,
            "must be conditional Gaussian, which means linear in its hidden variables",
            "Use dyad.",
        )
    return system


def observations(network: ObservingNetwork, data: Tensor, system: ConditionalGaussian) -> Observed:
    """Observations of one time in terms of the resolved variables.

    Args:
        network: network of that time.
        data: its observations, ``(..., size)``.
        system: the system.

    Raises:
        InputError: if they are not linear in the resolved variables alone.
    """
    _check_linear(network)
    size = torch.Size(system.shape).numel()
    probes = torch.cat([torch.zeros(1, size), torch.eye(size)]).double().to(data.device)
    seen = network.apply(probes.view(-1, 1, *system.shape))
    columns = seen[1:] - seen[0]
    resolved, hidden = system.split(torch.arange(size, device=data.device).view(system.shape))
    if columns[hidden.flatten()].abs().amax() > 1e-12:
        raise InputError(
            "operators", "hidden variables", "must see the resolved variables alone, "
            f"the first {system.resolved} of {len(system.variables)}", _remedy(system),
        )
    variance = network.variance(like=seen)
    return Observed(columns[resolved.flatten()].mT, variance, data.double() - seen[0])


def _check_linear(network: ObservingNetwork) -> None:
    for instrument in network.instruments:
        if not instrument.operator.linear:
            raise InputError(
                "operator", instrument.operator.title(), "must be linear in the resolved variables",
                "Use component.",
            )


def _remedy(system: ConditionalGaussian) -> str:
    return "Use resolved." if system.resolved > 1 else "Use component:field=1."


def check_observations(problem: Problem, system: ConditionalGaussian) -> list[Observed]:
    """Observations of every time of a problem that has some, its data being of no account.

    Raises:
        InputError: as :func:`observations`.
    """
    found = []
    for k in range(problem.network.steps):
        now = problem.network.at(k)
        if now.size:
            found.append(observations(now, torch.zeros(now.size, dtype=torch.float64), system))
    return found
