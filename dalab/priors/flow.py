r"""Stochastic interpolant of a prior: velocity, score and means of noise and data.

The interpolant from noise to normalised windows of the prior,

.. math:: z_t = (1 - t) z_0 + t z_1 , \qquad z_0 \sim N(0, I) , \quad z_1 \sim \text{prior} ,

runs from noise at t = 0 to data at t = 1. Over t it is a window with noise of level
s = (1 - t) / t, so that the denoiser D of a prior gives everything, without another network:

.. math::
    \eta_1 = E[z_1 | z_t] = D(z_t / t, s) , \qquad b = \frac{\eta_1 - z_t}{1 - t} , \qquad
    \nabla \log p_t = \frac{t \eta_1 - z_t}{(1 - t)^2} , \qquad
    \eta_0 = E[z_0 | z_t] = \frac{z_t - t \eta_1}{1 - t} .

References:
    | Albergo, Boffi and Vanden-Eijnden, Stochastic interpolants (arXiv 2303.08797)
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor

from .base import Prior


class Flow:
    """Stochastic interpolant of a prior, in its normalised units.

    Times are numbers from 0 (noise) to 1 (data), or tensors within (0, 1) that broadcast with the
    windows: one for every window, or one for every state if the denoiser takes such levels. Windows
    of any precision are taken; the prior computes in its own.

    Args:
        prior: distribution of windows of one state or more, of zero mean.
    """

    def __init__(self, prior: Prior) -> None:
        self.prior = prior
        tensors = chain(prior.parameters(), prior.buffers())
        self._dtype = next((t.dtype for t in tensors if t.is_floating_point()), None)

    def data_mean(self, z: Tensor, t: Tensor | float) -> Tensor:
        """E[z_1 | z_t] of windows ``(..., time, lev, y, x)``, same shape.

        It is 0, the mean of the prior, at t = 0, and the window itself at t = 1.
        """
        if not isinstance(t, Tensor):
            if t <= 0:
                return torch.zeros_like(z)
            if t >= 1:
                return z
        x = (z / t).to(self._dtype or z.dtype)
        s = (1 - t) / t
        return self.prior.denoise(x, s.to(x) if isinstance(s, Tensor) else s).to(z)

    def velocity(self, z: Tensor, t: Tensor | float) -> Tensor:
        """E[z_1 - z_0 | z_t], the drift of the probability flow."""
        return velocity_of(z, self.data_mean(z, t), t)

    def score(self, z: Tensor, t: Tensor | float) -> Tensor:
        """Gradient of log p_t; 0 at t = 1, where the prior has no score to give."""
        return score_of(z, self.data_mean(z, t), t)

    def noise_mean(self, z: Tensor, t: Tensor | float) -> Tensor:
        """E[z_0 | z_t]; 0 at t = 1."""
        return noise_of(z, self.data_mean(z, t), t)


def velocity_of(z: Tensor, data: Tensor, t: Tensor | float) -> Tensor:
    """Velocity at windows ``z`` whose data mean is known; shapes as they are there."""
    return z if _is_data(t) else (data - z) / (1 - t)


def score_of(z: Tensor, data: Tensor, t: Tensor | float) -> Tensor:
    """Score at windows ``z`` whose data mean is known; 0 at t = 1."""
    return torch.zeros_like(z) if _is_data(t) else (t * data - z) / (1 - t) ** 2


def noise_of(z: Tensor, data: Tensor, t: Tensor | float) -> Tensor:
    """Noise mean at windows ``z`` whose data mean is known; 0 at t = 1."""
    return torch.zeros_like(z) if _is_data(t) else (z - t * data) / (1 - t)


def _is_data(t: Tensor | float) -> bool:
    return not isinstance(t, Tensor) and t >= 1
