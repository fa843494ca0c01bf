r"""Annealed Langevin dynamics from the analysis of a mixture to the posterior.

The score of the analysed mixture, with noise of variance sigma^2 on top, is

.. math::
    s_b(x, \sigma) = (V + \sigma^2 I)^{-1} \sum_m \gamma_m (m_m - x) , \qquad
    \gamma_m \propto w_m N(x; m_m, V + \sigma^2 I) ,

to which a network may add a residual. At every level of a geometric ladder down from sigma_1,

.. math::
    x \leftarrow x + \tfrac{\eta}{2} P s(x, \sigma) + (\eta P)^{1/2} \xi ,

with P = V + sigma^2 I, preconditioned, or P = sigma^2 I, the classic form; in the end
x + sigma_L^2 s(x, sigma_L) takes the last noise away. From one level to the next states follow the
flow that carries the law of the one to that of the other, in one step,

.. math:: x \leftarrow x + (\sigma_l^2 - \sigma_{l+1}^2) \, s(x, \sigma_l) / 2 ,

since otherwise narrow kernels, which allow short steps only, would leave them behind.

References:
    | Song and Ermon (2019): annealed Langevin dynamics; P = sigma^2 I
    | Song et al. (2021): steps of the flow between levels, with Langevin steps as correctors
    | Vincent (2011): denoising score matching
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ....interruption import check_interruption
from .kernels import Analysis

WIDEST, NARROWEST, SMALLEST = 1.5, 0.05, 0.01
"""First noise level over the largest standard deviation of the analysis, last one over the smallest
of a component, and the least last one, in normalised units."""

Residual = Callable[[Tensor, Tensor], Tensor]
"""Residual score at states ``(..., N, D1)`` and levels ``(..., 1, 1)``, shaped like the states."""


class MixtureScore:
    """Score of an analysed mixture at any noise level.

    Args:
        analysis: the mixture.
    """

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        values, self.vectors = torch.linalg.eigh(analysis.cov)
        self.values = values.clamp(min=0).unsqueeze(-2)  # (..., 1, D1)
        self.means = analysis.means @ self.vectors

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Score at ``(..., N, D1)`` and levels ``(..., 1, 1)``, same shape."""
        total = self.values + sigma.square()
        turned, width = x @ self.vectors, total.sqrt()
        apart = torch.cdist(turned / width, self.means / width)
        gamma = torch.softmax(self.analysis.log_weights.unsqueeze(-2) - apart.square() / 2, -1)
        return (gamma @ self.means - turned) / total @ self.vectors.mT

    def preconditioner(self, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """V + sigma^2 I and its square root, ``(..., D1, D1)``."""
        total = self.values + sigma.square()
        found = ((self.vectors * p) @ self.vectors.mT for p in (total, total.sqrt()))
        return next(found), next(found)


@dataclass(frozen=True)
class Annealing:
    """Settings of the dynamics.

    Args:
        levels: noise levels.
        steps: steps at each.
        rate: eta.
        preconditioned: whether the steps know the covariance of the components.
    """

    levels: int = 12
    steps: int = 60
    rate: float = 0.1
    preconditioned: bool = True

    def ladder(self, first: Tensor, last: Tensor) -> Iterator[Tensor]:
        """Noise levels from ``(...,)`` to ``(...,)``, each ``(..., 1, 1)``."""
        for k in range(self.levels):
            share = k / max(self.levels - 1, 1)
            yield (first ** (1 - share) * last**share)[..., None, None]


def noise_range(analysis: Analysis) -> tuple[Tensor, Tensor]:
    """First and last noise level for a mixture, ``(...,)`` each."""
    least = torch.linalg.eigvalsh(analysis.cov)[..., 0].clamp(min=0).sqrt()
    last = (NARROWEST * least).clamp(min=SMALLEST)
    first = WIDEST * analysis.moments()[1].amax(-1).sqrt()
    return first.maximum(2 * last), last


def anneal(
    score: MixtureScore, x: Tensor, levels: tuple[Tensor, Tensor], settings: Annealing,
    normal: Callable[[], Tensor], residual: Residual | None = None,
) -> Tensor:
    """Draws of the posterior from draws of the mixture.

    Args:
        score: of the mixture.
        x: draws, ``(..., N, D1)``.
        levels: first and last noise level, ``(...,)`` each.
        settings: of the dynamics.
        normal: gives standard normal numbers shaped like ``x``.
        residual: score that is added, if there is one.
    """
    def total(x: Tensor, sigma: Tensor) -> Tensor:
        found = score(x, sigma)
        return found if residual is None else found + residual(x, sigma)

    x = x + levels[0][..., None, None] * normal()
    eta, before = settings.rate, None
    for sigma in settings.ladder(*levels):
        if before is not None:
            x = x + (before.square() - sigma.square()) / 2 * total(x, before)
        before = sigma
        P, root = score.preconditioner(sigma)
        if not settings.preconditioned:
            P = sigma.square() * torch.eye(x.shape[-1]).to(x)
            root = sigma * torch.eye(x.shape[-1]).to(x)
        for _ in range(settings.steps):
            check_interruption()
            x = x + eta / 2 * total(x, sigma) @ P + eta**0.5 * normal() @ root
    return x + sigma.square() * total(x, sigma)
