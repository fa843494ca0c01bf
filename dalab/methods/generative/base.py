"""Base class of the generative filters: the units they work in, likelihoods, starting noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import param
import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...random import MemberStreams
from ...systems.base import System
from ..base import Problem
from ..ensemble.base import EnsembleFilter, inflate
from ..gaussian.likelihood import likelihood_gradient


@dataclass(frozen=True)
class Likelihood:
    """Gaussian likelihood of the observations of one time, for states in the units of a filter.

    Args:
        network: network of that time.
        data: its observations, ``(..., size)``.
        system: system whose variables the states are; ``None`` for normalised states.
    """

    network: ObservingNetwork
    data: Tensor
    system: System | None = None

    def gradient(self, x: Tensor) -> Tensor:
        """Gradient of the log likelihood at members ``(..., N, lev, y, x)``, same shape."""
        if self.system is None:
            return likelihood_gradient(x, self.network, self.data)
        found = likelihood_gradient(self.system.normalised(x), self.network, self.data)
        return found.div_(self.system.scale.to(x))

    def observed(self, x: Tensor) -> Tensor:
        """Observed members over the error std, ``(..., N, size)``."""
        normalised = x if self.system is None else self.system.normalised(x)
        return self.network.apply(normalised.unsqueeze(-4)) / self.std(x)

    def simulated(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Observations of members with noise of the family of each instrument, ``(..., N, size)``.

        Args:
            x: members ``(..., N, lev, y, x)``.
            generator: source of the noise.
        """
        normalised = x if self.system is None else self.system.normalised(x)
        return self.network.simulate(normalised.unsqueeze(-4), generator)

    def innovations(self, x: Tensor) -> Tensor:
        """Data minus observed members, over the error std, ``(..., N, size)``."""
        return (self.data / self.std(x)).unsqueeze(-2) - self.observed(x)

    def std(self, like: Tensor) -> Tensor:
        """Assumed standard deviations of the errors, ``(size,)``."""
        return self.network.variance(like=like).sqrt()


class GenerativeFilter(EnsembleFilter):
    """Filter whose analysis is a sampler in pseudo-time. A subclass writes :meth:`sample`.

    The papers work in the variables of the equations, whose size matters to them: their schedules
    mix states with noise of unit variance. Here states are normalised unless ``units=physical``.
    """

    family = "Score and flow filters"

    members = param.Integer(
        20, bounds=(2, 10_000), doc="ensemble members, all kept in the result; those of the "
        "experiment if these are more",
    )
    units = param.Selector(
        default="normalised", objects=["normalised", "physical"],
        doc="units in which states are mixed with noise: normalised, or those of the equations",
    )
    inflation = param.Number(
        1.0, bounds=(1.0, 2.0), step=0.05, doc="factor on the anomalies of the analysis"
    )

    _system: System | None = None

    def prepare(self, problem: Problem) -> Self:
        if self.units == "normalised":
            return self
        chosen = type(self)(**self.param.values())
        chosen._system = problem.system
        return chosen

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        likelihood = Likelihood(network, data, self._system)
        return self.finished(self.sample(self.in_units(ensemble), likelihood, streams))

    def in_units(self, x: Tensor) -> Tensor:
        """Normalised states in the units of the filter."""
        return x if self._system is None else self._system.physical(x)

    def finished(self, x: Tensor) -> Tensor:
        """Normalised and inflated ensemble of an analysis in the units of the filter."""
        return inflate(x if self._system is None else self._system.normalised(x), self.inflation)

    def sample(self, x: Tensor, likelihood: Likelihood, streams: MemberStreams) -> Tensor:
        """Draw the analysis.

        Args:
            x: forecasts ``(..., N, lev, y, x)``, in the units of the filter.
            likelihood: of the observations.
            streams: randomness, one stream per member.

        Returns:
            The analysed ensemble, same shape and units.
        """
        raise NotImplementedError


def normal_like(x: Tensor, streams: MemberStreams) -> Tensor:
    """Standard normal numbers in the shape of an ensemble ``(..., N, lev, y, x)``."""
    return streams.normal((*x.shape[:-4], *x.shape[-3:])).movedim(0, -4)


def member_weights(x: Tensor, centres: Tensor, std: Tensor | float) -> Tensor:
    """Posterior weights of Gaussian kernels of one width, given samples of their mixture.

    Args:
        x: samples ``(..., N, lev, y, x)``.
        centres: of the kernels, ``(..., J, lev, y, x)``.
        std: standard deviation of the kernels.

    Returns:
        Weights ``(..., N, J)``, which add up to one over the kernels.
    """
    apart = torch.cdist(
        x.flatten(-3), centres.flatten(-3), compute_mode="donot_use_mm_for_euclid_dist"
    )
    return torch.softmax(-(apart / std).square() / 2, -1)


def mix(weights: Tensor, members: Tensor) -> Tensor:
    """Means of ``(..., J, lev, y, x)`` with weights ``(..., N, J)``, ``(..., N, lev, y, x)``."""
    return (weights @ members.flatten(-3)).unflatten(-1, members.shape[-3:])
