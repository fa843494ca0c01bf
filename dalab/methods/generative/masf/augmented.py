r"""Augmented states (x, H(x)), on which any operator is a mask.

The linear process then goes from the joint state to the observation of its second block, and is
exact for any operator in the limit of an exact joint score: that of the conditional mean of the
joint distribution, which is what the score is made from.

Reference: ours, in place of the nonlinear sampler of MASF, whose target is not the posterior.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Likelihood
from .bridge import Bridge
from .embedding import operators_of


@dataclass(frozen=True)
class Augmentation:
    """States with the observed fields of all instruments as further levels.

    Args:
        likelihood: of the observations of one time.
    """

    likelihood: Likelihood

    def join(self, x: Tensor) -> Tensor:
        """Joint states of members, ``(..., lev, y, x) -> (..., lev + channels, y, x)``.

        Observed fields are zero where nothing is observed.
        """
        system = self.likelihood.system
        normalised = x if system is None else system.normalised(x)
        values = self.likelihood.network.apply(normalised.unsqueeze(-4))
        return torch.cat([x, self._fields(values)], -3)

    def observation(self, like: Tensor) -> Tensor:
        """The data embedded in a joint state, ``(..., lev + channels, y, x)``.

        Args:
            like: states ``(..., N, lev, y, x)``.
        """
        fields = self._fields(self.likelihood.data)
        blank = like.new_zeros(*fields.shape[:-3], *like.shape[-3:])
        return torch.cat([blank, fields.to(like)], -3)

    def bridge(self, like: Tensor, blank_noise: float) -> Bridge:
        """The process from joint states to their observation.

        Args:
            like: states ``(..., N, lev, y, x)``.
            blank_noise: standard deviation at pseudo-time 1 of what is not observed, in normalised
                units.
        """
        blank = torch.full(like.shape[-3:], blank_noise, dtype=torch.float64, device=like.device)
        system, mean = self.likelihood.system, torch.zeros_like(blank)
        if system is not None:
            blank, mean = system.scale.to(blank) * blank, system.physical(mean)
        seen, b, std = [torch.zeros_like(blank)], [mean], [blank]
        for i in self.likelihood.network.instruments:
            mask = i.mask[0].to(blank).expand(len(i.operator.channels), -1, -1)
            seen.append(mask)
            b.append(torch.zeros_like(mask))
            std.append(torch.full_like(mask, i.assumed_variance**0.5))
        names = operators_of(self.likelihood.network)
        return Bridge(torch.cat(seen), torch.cat(b), torch.cat(std), names)

    def _fields(self, values: Tensor) -> Tensor:
        network = self.likelihood.network
        pieces = zip(network.instruments, network.split(values), strict=True)
        return torch.cat([i.put(v).squeeze(-4) for i, v in pieces], -3)
