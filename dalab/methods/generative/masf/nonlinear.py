r"""Nonlinear process of MASF, and its reverse sampler.

:math:`x_t = a x_0 + (1 - a) H(x_0) + \sigma \sqrt{1 - a^2} \eta` has the laws at single times of

.. math::
    dx = \dot a \, (\hat x - \hat H) \, dt + \dot\Sigma^{1/2} dW ,

and the observation is compared with the mean of its end when the drift is frozen,

.. math::
    g = \nabla_x \log N(z; \; x - a_s (\hat x - \hat H), \; \sigma^2 (a_s^2 - a_{end}^2)) ,

differentiated through both conditional means. The step goes back by

.. math::
    x \leftarrow x + (a_t - a_s) (\hat x - \hat H) - \Delta\Sigma \, [ \rho_s S + \rho_g g ]
      + |\Delta\Sigma|^{1/2} \xi .

The projected equation keeps the laws of the prior and not the joint one with the observation: the
samples are not posterior ones unless H is the identity, and where H is flat or nothing is observed
they follow the noise of the observation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ....errors import InputError
from ....observations import ObservingNetwork
from ....random import MemberStreams
from ..base import Likelihood, normal_like
from ..conditional import ConditionalMeans, Time
from .bridge import share
from .samplers import Schedule


@dataclass(frozen=True)
class NonlinearBridge:
    """The process from states to measurements of the same shape.

    Args:
        likelihood: of the observations of one time.
        sigma: standard deviation of the noise at pseudo-time 1, ``(lev, y, x)``.
        seen: observed variables, boolean, same shape.
    """

    likelihood: Likelihood
    sigma: Tensor
    seen: Tensor

    @classmethod
    def of(cls, likelihood: Likelihood, like: Tensor, blank_noise: float | None) -> NonlinearBridge:
        """Process for the data of one time.

        Args:
            likelihood: of the observations.
            like: states ``(..., lev, y, x)``, for their shape and device.
            blank_noise: standard deviation where nothing is observed; by default the largest one
                of the variables that are.

        Raises:
            InputError: as :func:`check_embeddable`.
        """
        network = likelihood.network
        check_embeddable(network, tuple(like.shape[-3:]))
        std = torch.zeros(like.shape[-3:], dtype=torch.float64, device=like.device)
        for i in network.instruments:
            std = std + i.mask[0].to(like.device) * i.assumed_variance**0.5
        seen = std > 0
        largest = std.max() if blank_noise is None else torch.as_tensor(blank_noise).to(std)
        return cls(likelihood, torch.where(seen, std, largest), seen)

    def share(self, t: Time) -> Tensor:
        """Share a of the state itself."""
        return share(t)

    def measure(self, x: Tensor) -> Tensor:
        """Observed fields of states, zero where nothing is observed, ``(..., lev, y, x)``."""
        system = self.likelihood.system
        normalised = x if system is None else system.normalised(x)
        return self.embedded(self.likelihood.network.apply(normalised.unsqueeze(-4)))

    def embedded(self, values: Tensor) -> Tensor:
        """Observation vectors ``(..., size)`` in the shape of states."""
        network = self.likelihood.network
        pieces = zip(network.instruments, network.split(values), strict=True)
        return torch.stack([i.put(v).squeeze(-4) for i, v in pieces]).sum(0)

    def Sigma(self, t: Time) -> Tensor:
        """Variance given the state."""
        return self.sigma.square() * (1 - share(t).to(self.sigma.device).square())

    def likelihood_score(
        self, means: ConditionalMeans, x: Tensor, s: float, z: Tensor, schedule: Schedule
    ) -> Tensor:
        """Gradient of log p(z | x_s = x) at members ``(..., N, lev, y, x)``, same shape."""
        a = float(share(s))
        variance = self.sigma.square() * (a**2 - float(share(schedule.end)) ** 2)
        seen = torch.ones_like(self.seen) if schedule.released else self.seen
        precision = (seen / (variance + schedule.added)).to(x)

        def end(x: Tensor) -> Tensor:
            xhat, hhat = means.estimate(x, s)
            return x - a * (xhat - hhat)

        found = torch.func.vjp(end, x)
        return found[1](precision * (z - found[0]))[0]


def guided_nonlinear(
    bridge: NonlinearBridge, means: ConditionalMeans, z: Tensor, forecasts: Tensor,
    schedule: Schedule, streams: MemberStreams,
) -> Tensor:
    """Draw states from diffused forecasts, with prior score and likelihood score.

    Args:
        bridge: the process.
        means: its E[x_0 | x_t] and E[H(x_0) | x_t].
        z: observation, embedded in a state, ``(..., lev, y, x)``.
        forecasts: members ``(..., N, lev, y, x)``.
        schedule: pseudo-times and factors.
        streams: randomness, one stream per member.
    """
    x, z = diffused_nonlinear(bridge, forecasts, schedule.start, streams), z.unsqueeze(-4)
    for s, t in schedule.pairs():
        a, a_next, Sigma = float(share(s)), float(share(t)), bridge.Sigma(s)
        shrink = (Sigma - bridge.Sigma(t)).to(x)
        xhat, hhat = means.estimate(x, s)
        rho_s, rho_g = schedule.factors(s)
        score = rho_s * (a * xhat + (1 - a) * hhat - x) / (Sigma.to(x) + schedule.added)
        # the released code differentiates at the time that the step goes to
        pull = bridge.likelihood_score(means, x, t if schedule.released else s, z, schedule)
        moved = x + (a_next - a) * (xhat - hhat) + shrink * (score + rho_g * pull)
        x = moved + shrink.sqrt() * normal_like(x, streams)
    return x


def diffused_nonlinear(
    bridge: NonlinearBridge, x: Tensor, t: float, streams: MemberStreams
) -> Tensor:
    """Members ``(..., N, lev, y, x)`` at a pseudo-time of the process, same shape."""
    a, std = float(share(t)), bridge.Sigma(t).sqrt().to(x)
    return a * x + (1 - a) * bridge.measure(x) + std * normal_like(x, streams)


def check_embeddable(network: ObservingNetwork, shape: tuple[int, ...]) -> None:
    """Raise unless the observed fields fit the shape of a state, one number per variable.

    Raises:
        InputError: if an operator has another number of channels than the state has fields, or two
            of them see the same cells.
    """
    remedy = "Use sampler=augmented, which takes any operator."
    for instrument in network.instruments:
        channels = len(instrument.operator.channels)
        if channels != shape[0]:
            raise InputError(
                f"channels of {instrument.operator.title()}", channels,
                f"must be {shape[0]}, as many as the state has fields", remedy,
            )
    twice = int((torch.stack([i.mask[0].int() for i in network.instruments]).sum(0) > 1).sum())
    if twice:
        raise InputError(
            "cells that two operators see", twice, "must be none for this sampler", remedy
        )
