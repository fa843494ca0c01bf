"""Observations and background as one data vector with white, independent errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .base import Problem


@dataclass(frozen=True)
class Evidence:
    """Everything that was measured, the background being one more linear observation.

    Args:
        problem: supplies network, data and background.
    """

    problem: Problem

    def apply(self, x: Tensor) -> Tensor:
        """Noise-free values for windows ``(members, time, lev, y, x) -> (members, size)``."""
        seen = self.problem.network.apply(x)
        if self.problem.background is None:
            return seen
        return torch.cat([seen, x[:, 0].flatten(1)], dim=-1)

    @cached_property
    def data(self) -> Tensor:
        """Measured values, ``(size,)``."""
        if self.problem.background is None:
            return self.problem.data
        return torch.cat([self.problem.data, self.problem.background.state.flatten()])

    @cached_property
    def variance(self) -> Tensor:
        """Assumed error variances, ``(size,)``."""
        observed = self.problem.network.variance(like=self.problem.data)
        if self.problem.background is None:
            return observed
        cells = self.problem.background.state.numel()
        return torch.cat([observed, observed.new_full((cells,), self.problem.background.std**2)])

    @property
    def empty(self) -> bool:
        """Whether there is nothing to condition on."""
        return len(self.data) == 0


def likelihood_gradient(
    evidence: Evidence, x: Tensor, s: float, loss: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Denoised window and the gradient of a loss of its residual, through the denoiser.

    Args:
        evidence: what was measured.
        x: noisy windows ``(members, time, lev, y, x)`` at level ``s``.
        s: noise level.
        loss: function of the residuals ``(members, size)`` giving one number per member.

    Returns:
        The denoised windows and the gradients with respect to ``x``, both shaped like ``x``.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        xhat = evidence.problem.prior.denoise(x, s)
        losses = loss(evidence.data - evidence.apply(xhat))
        (gradient,) = torch.autograd.grad(losses.sum(), x)
    return xhat.detach(), gradient
