r"""Network of a residual score, and its loss.

Denoising score matching of the residual r beside the baseline s_b asks, with the true state x of a
simulated trajectory and the context c that the baseline filter had there, for the least

.. math::
    E \, \sigma^2 \, | r(x + \sigma \epsilon, \sigma, c) + s_b(x + \sigma \epsilon, \sigma)
      + \epsilon / \sigma |^2 ,

which is the score of p(x | c) with noise, less that of the baseline. No posterior is needed for it,
simulated trajectories are enough. The network is told the state in units of the noised baseline,
the noise level in Fourier features, and the context; its last layer starts at zero.

Reference: Vincent (2011): denoising score matching
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .context import Context

FEATURES = 8
"""Frequencies of the noise level."""

FARTHEST = 5.0
"""Standard deviations at which the numbers of a context are cut."""


class ResidualNetwork(nn.Module):
    """Perceptron that gives a residual score.

    Args:
        d1: number of resolved variables.
        context: numbers of a context.
        width: of the hidden layers.
        depth: hidden layers.
        seed: of the initial weights.
    """

    centre: Tensor
    spread: Tensor

    def __init__(
        self, d1: int, context: int, width: int = 64, depth: int = 3, seed: int = 0
    ) -> None:
        super().__init__()
        sizes = [d1 + 2 * FEATURES + context, *[width] * depth]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers: list[nn.Module] = []
            for n, m in zip(sizes[:-1], sizes[1:], strict=True):
                layers += [nn.Linear(n, m), nn.SiLU()]
            last = nn.Linear(sizes[-1], d1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(*layers, last)
        self.register_buffer("centre", torch.zeros(context))
        self.register_buffer("spread", torch.ones(context))

    def standardise(self, contexts: Tensor) -> None:
        """Take mean and standard deviation of contexts ``(n, C)`` for those of all."""
        self.centre.copy_(contexts.mean(0))
        self.spread.copy_(contexts.std(0).clamp(min=1e-6))

    def forward(self, x: Tensor, sigma: Tensor, context: Context) -> Tensor:
        """Residual score.

        Args:
            x: noised states ``(..., D1)``.
            sigma: noise levels ``(..., 1)``.
            context: of the analyses, each part ``(..., n)``; leading axes broadcast.

        Returns:
            Shaped and typed like ``x``.
        """
        width = (context.std.square() + sigma.square()).sqrt()
        inside = ((x - context.mean) / width).float()
        given = ((context.values.float() - self.centre) / self.spread).clamp(-FARTHEST, FARTHEST)
        level = fourier(sigma.float())
        lead = inside.shape[:-1]
        parts = [inside, level.expand(*lead, level.shape[-1]), given.expand(*lead, given.shape[-1])]
        return self.layers(torch.cat(parts, -1)).to(x) / width


def fourier(sigma: Tensor) -> Tensor:
    """Features of noise levels ``(..., 1)``, ``(..., 2 FEATURES)``."""
    rates = torch.arange(1, FEATURES + 1, device=sigma.device) * (math.pi / 8)
    angles = sigma.log() * rates
    return torch.cat([angles.sin(), angles.cos()], -1)


def matching_loss(residual: Tensor, target: Tensor, sigma: Tensor) -> Tensor:
    """Losses of residual scores ``(..., D1)``, ``(...,)``; targets are -(s_b + noise / sigma)."""
    return sigma.squeeze(-1).square() * (residual - target).square().sum(-1)
