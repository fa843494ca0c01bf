"""Observations embedded in a state, as MASF needs them.

Everything that elementwise linear instruments say about a variable is one number and its error: the
mean of their values of it, weighted by their precisions. So the embedded observation is z = x +
sigma eta where something is observed, whatever the factors and offsets of the operators, and the
factor h of the bridge is 1 there and 0 elsewhere. This is the published choice to normalise states
and measurements alike; its other one, which leaves the range of valid h, is not there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ....errors import InputError
from ....observations import ObservingNetwork
from ....observations.network import Instrument
from ....observations.operators import Elementwise
from ..base import Likelihood
from .bridge import Bridge


@dataclass(frozen=True)
class Embedding:
    """Observation in the shape of a state.

    Args:
        z: its values, ``(..., lev, y, x)``; those of a blank state where nothing is observed.
        seen: observed variables, boolean ``(lev, y, x)``.
        b: mean of the values where nothing is observed, ``(lev, y, x)``; zero elsewhere.
        sigma: standard deviation of the errors, same shape.
        operator: names of the operators, for messages.
    """

    z: Tensor
    seen: Tensor
    b: Tensor
    sigma: Tensor
    operator: str

    def bridge(self) -> Bridge:
        """The process from states to this observation."""
        return Bridge(self.seen.double(), self.b, self.sigma, self.operator)


def embed(likelihood: Likelihood, like: Tensor, blank_noise: float | None = None) -> Embedding:
    """Embed the data of elementwise linear instruments.

    Args:
        likelihood: of the observations of one time.
        like: states ``(..., lev, y, x)`` in the units of the filter, for device and type.
        blank_noise: standard deviation where nothing is observed; by default the largest one
            of the variables that are, as published for a single instrument.

    Returns:
        The embedding in the units of the filter; in normalised units b = 0.

    Raises:
        InputError: if an operator is nonlinear or mixes variables.
    """
    network, data = likelihood.network, likelihood.data
    check_linear(network)
    precision = torch.zeros(like.shape[-3:], dtype=torch.float64, device=like.device)
    total = precision
    for instrument, values in zip(network.instruments, network.split(data), strict=True):
        factor, offset = _coefficients(instrument, like)
        mask = instrument.mask[0].to(like.device)
        weight = mask * factor / instrument.assumed_variance
        precision = precision + weight * factor
        total = total + weight * (instrument.put(values.double()).squeeze(-4) - mask * offset)
    seen = precision > 0
    known = torch.where(seen, precision, torch.ones_like(precision))
    return _in_units(likelihood, like, total / known, seen, known.rsqrt(), blank_noise)


def _in_units(
    likelihood: Likelihood, like: Tensor, z: Tensor, seen: Tensor, std: Tensor,
    blank_noise: float | None,
) -> Embedding:
    largest = std[seen].max() if blank_noise is None and seen.any() else blank_noise or 1.0
    sigma = torch.where(seen, std, torch.as_tensor(largest).to(std))
    b, system = torch.zeros_like(sigma), likelihood.system
    if system is not None:
        z, b, sigma = system.physical(z), system.physical(b), system.scale.to(sigma) * sigma
    b = torch.where(seen, torch.zeros_like(b), b)
    return Embedding(z.to(like), seen, b, sigma, operators_of(likelihood.network))


def _coefficients(instrument: Instrument, like: Tensor) -> tuple[Tensor, Tensor]:
    """Factor and offset of a linear operator at every variable, float64 ``(lev, y, x)``."""
    zero = torch.zeros(like.shape[-3:], dtype=torch.float64, device=like.device)
    offset = instrument.operator(zero)
    return instrument.operator(zero + 1) - offset, offset


def check_linear(network: ObservingNetwork) -> None:
    """Raise :class:`InputError` unless every operator is linear and acts on single variables."""
    for instrument in network.instruments:
        operator = instrument.operator
        if not (isinstance(operator, Elementwise) and operator.linear):
            raise InputError(
                "operator of the bridge", operator.title(),
                "must be linear and act on every variable by itself",
                "Use identity, or sampler=augmented, which takes any operator.",
            )


def operators_of(network: ObservingNetwork) -> str:
    """Names of the operators of a network, for messages."""
    return ", ".join(i.operator.title() for i in network.instruments)
