"""Weighted members of a mixture that is Gaussian in the hidden variables, and their forecasts.

All is in normalised variables unless a function says otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...interruption import check_interruption
from ...systems.conditional_gaussian.base import ConditionalGaussian, Gaussian
from .recursions import draw, draw_increment, update


class Members(NamedTuple):
    """Mixture of a point in the resolved variables times a Gaussian in the hidden ones.

    Attributes:
        log_weights: ``(..., M)``, up to a constant.
        u: resolved variables, ``(..., M, blocks, d1)``.
        hidden: law of the hidden ones, mean ``(..., M, blocks, d2)``.
    """

    log_weights: Tensor
    u: Tensor
    hidden: Gaussian

    @property
    def weights(self) -> Tensor:
        """Weights that add up to one, ``(..., M)``."""
        return torch.softmax(self.log_weights, -1)

    def take(self, index: Tensor) -> Members:
        """Equally probable members of indices ``(..., N)``."""
        picked = [
            torch.take_along_dim(part, index.view(*index.shape, *[1] * inner), dim=-1 - inner)
            for part, inner in ((self.u, 2), (self.hidden.mean, 2), (self.hidden.cov, 3))
        ]
        equal = torch.zeros(index.shape, dtype=torch.float64, device=index.device)
        return Members(equal, picked[0], Gaussian(*picked[1:]))


class Units:
    """Offsets and scales of the resolved and the hidden variables of a system.

    Args:
        system: the system.
        device: of the tensors.
    """

    def __init__(self, system: ConditionalGaussian, device: torch.device | str = "cpu") -> None:
        whole = torch.ones(system.shape, dtype=torch.float64, device=device)
        self.offset = system.split(system.offset.to(whole) * whole)
        self.scale = system.split(system.scale.to(whole) * whole)

    def physical(self, members: Members) -> Members:
        """Members in the variables of the equations."""
        (off_u, off_v), (u, v) = self.offset, self.scale
        mean, cov = members.hidden
        hidden = Gaussian(off_v + v * mean, cov * v[..., :, None] * v[..., None, :])
        return Members(members.log_weights, off_u + u * members.u, hidden)

    def normalised(self, members: Members) -> Members:
        """Inverse of :meth:`physical`."""
        (off_u, off_v), (u, v) = self.offset, self.scale
        mean, cov = members.hidden
        hidden = Gaussian((mean - off_v) / v, cov / v[..., :, None] / v[..., None, :])
        return Members(members.log_weights, (members.u - off_u) / u, hidden)


def normal_numbers(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers shaped like a tensor; zeros without a generator."""
    if generator is None:
        return torch.zeros_like(like)
    return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)


def integrate(
    system: ConditionalGaussian, members: Members, steps: int, generator: torch.Generator | None
) -> Members:
    """Members after some time steps, the hidden variables being integrated out at every one.

    Args:
        system: the system.
        members: in the variables of its equations.
        steps: time steps.
        generator: source of the increments of the resolved variables.
    """
    logw, u, hidden = members
    for _ in range(steps):
        check_interruption()
        law = system.coefficients(u, hidden)
        increment = draw_increment(hidden, law, normal_numbers(u, generator))
        hidden, _ = update(hidden, law, increment)
        u = u + increment
    return Members(logw, u, hidden)


def follow_paths(
    system: ConditionalGaussian, members: Members, steps: int, generator: torch.Generator | None
) -> Members:
    """Members along paths of the whole model, which start at a draw of their hidden variables.

    The hidden variables of the paths are dropped in the end, for their law given the path of the
    resolved ones. Arguments are those of :func:`integrate`.
    """
    logw, u, hidden = members
    v = draw(hidden, normal_numbers(hidden.mean, generator))
    for _ in range(steps):
        check_interruption()
        ahead, v = system.advance_once(u, v, generator)
        hidden, _ = update(hidden, system.coefficients(u, hidden), ahead - u)
        u = ahead
    return Members(logw, u, hidden)
