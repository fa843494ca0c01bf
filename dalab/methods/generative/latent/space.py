r"""Latent spaces: a few numbers for a state, and how observations look in them.

A coupled space has a second encoder, of the observations of one network. What it makes of data is a
noisy observation :math:`\ell_y` of the latent state :math:`\ell`; how noisy is measured on states
that were not learnt from, component by component:

.. math::
    \ell_y = \ell + e \quad \text{or} \quad \ell_y = a + b \, \ell + e .

The first is that of the paper. An encoder that was trained on squared errors gives the mean of the
latent state over the climate, given the data; that mean shrinks towards the climate, which the
second takes back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ....observations import ObservingNetwork

LEAST = 1e-3
"""Least standard deviation of the error of a latent observation, in climatological ones."""


@dataclass(frozen=True)
class LatentError:
    """Law of the latent observation of a latent state, component by component, ``(L,)`` each.

    Args:
        difference: root-mean-square difference of the two.
        offset: a of the regression of the observation on the state.
        slope: b of it.
        residual: standard deviation of what it leaves.
    """

    difference: Tensor
    offset: Tensor
    slope: Tensor
    residual: Tensor

    @classmethod
    def measure(cls, observed: Tensor, latent: Tensor) -> LatentError:
        """Measure the law on pairs ``(pairs, L)``."""
        x, y = latent - latent.mean(0), observed - observed.mean(0)
        slope = (x * y).mean(0) / x.square().mean(0).clamp(min=LEAST**2)
        residual = (y - slope * x).square().mean(0).sqrt()
        difference = (observed - latent).square().mean(0).sqrt()
        return cls(
            difference.clamp(min=LEAST), observed.mean(0) - slope * latent.mean(0), slope,
            residual.clamp(min=LEAST),
        )


class LatentSpace(ABC):
    """Space of a few numbers, each with mean zero and variance one over the climate.

    Attributes:
        shape: of a state, (lev, y, x).
        size: numbers in a latent state, L.
        explained: share of the variance of held-out states that the decoder gives back.
        error: law of the latent observation, if observations can be encoded.
    """

    shape: tuple[int, ...]
    size: int
    explained: float = 1.0
    error: LatentError | None = None

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Latent states ``(..., L)`` of normalised states ``(..., lev, y, x)``."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Normalised states ``(..., lev, y, x)`` of latent states ``(..., L)``."""

    @abstractmethod
    def encode_observations(self, data: Tensor) -> Tensor:
        """Latent observations ``(..., L)`` of observation vectors ``(..., size)``."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """All numbers of the space but those of its error, by name, for a file."""

    def judge(self, states: Tensor, network: ObservingNetwork | None, normal: Tensor) -> None:
        """Measure on states that were not learnt from how good the space is.

        Args:
            states: normalised, ``(count, lev, y, x)``.
            network: network of one step, whose observations are encoded; ``None`` for none.
            normal: standard normal numbers, ``(count, size)``.
        """
        latent = self.encode(states)
        lost = (self.decode(latent) - states).square().mean()
        self.explained = float(1 - lost / (states - states.mean(0)).square().mean())
        if network is not None:
            observed = self.encode_observations(simulate(network, states, normal))
            self.error = LatentError.measure(observed, latent)


def simulate(network: ObservingNetwork, states: Tensor, normal: Tensor) -> Tensor:
    """Observations ``(count, size)`` of states ``(count, lev, y, x)``.

    Args:
        network: network of one step.
        states: normalised.
        normal: standard normal numbers, ``(count, size)``, which the assumed errors scale.
    """
    with torch.no_grad():
        return network.apply(states.unsqueeze(-4)) + network.variance(like=states).sqrt() * normal
