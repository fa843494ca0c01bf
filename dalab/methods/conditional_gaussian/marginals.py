"""Marginal densities of mixtures, for systems of one cell."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...systems.conditional_gaussian.base import Gaussian
from .members import Members

SILVERMAN = 4 / 3
"""Constant of Silverman's rule in one dimension."""


def marginal_density(members: Members, field: int, grid: Tensor) -> Tensor:
    """Density of one variable, ``(..., G)``.

    That of a hidden variable is the mixture of the Gaussians of the members; of a resolved one it
    is estimated from the members with kernels of Silverman's rule.

    Args:
        members: of a system of one cell.
        field: number of the variable, resolved ones first.
        grid: values ``(G,)``.
    """
    d1 = members.u.shape[-1]
    w = members.weights
    if field >= d1:
        return _density(hidden_marginal(members.hidden, field - d1), w, grid)
    x = members.u[..., 0, field]
    mean = (w * x).sum(-1, keepdim=True)
    spread = (w * (x - mean).square()).sum(-1, keepdim=True)
    variance = spread * (SILVERMAN * w.square().sum(-1, keepdim=True)) ** 0.4
    return _density((x, variance.clamp(min=1e-12).expand_as(x)), w, grid)


def hidden_marginal(hidden: Gaussian, number: int) -> tuple[Tensor, Tensor]:
    """Means and variances of a hidden variable of a system of one cell, ``(..., M)``."""
    return hidden.mean[..., 0, number], hidden.cov[..., 0, number, number]


def _density(components: tuple[Tensor, Tensor], weights: Tensor, grid: Tensor) -> Tensor:
    mean, variance = (part.unsqueeze(-1) for part in components)
    apart = (grid.to(mean) - mean).square() / variance
    densities = (-apart / 2).exp() / (2 * math.pi * variance).sqrt()
    return torch.einsum("...m,...mg->...g", weights, densities)
