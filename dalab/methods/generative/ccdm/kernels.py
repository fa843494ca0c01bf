r"""Weighted Gaussian kernels about the forecasts, diffused, and their score in closed form.

A diffusion :math:`x_t = m x_0 + \sigma \xi` takes the weighted forecasts x_i to

.. math::
    p_t(x | y) = \sum_i w_i \, N(x; m x_i, \sigma^2 I), \qquad
    \nabla \log p_t = \frac{m D - x}{\sigma^2} ,

.. math::
    D = \sum_i W_i x_i , \qquad
    W_i \propto w_i \exp \Big( - \frac{|x - m x_i|^2}{2 \sigma^2} \Big) ,

with the conditional denoiser D = E[x_0 | x_t = x, y]. Samples are taken in pieces, so that N of
them and N kernels need far less than N^2 numbers of memory.

Reference: Binder et al. (arXiv 2603.21291), equation 16.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ....interruption import check_interruption

PIECE = 2**20
"""Weights that are held in memory at once."""


@dataclass(frozen=True)
class Kernels:
    """Weighted forecasts of one repeat.

    Args:
        centres: forecasts ``(N, d)``.
        log_weights: logarithms of their weights, up to a constant, ``(N,)``.
    """

    centres: Tensor
    log_weights: Tensor

    @cached_property
    def weights(self) -> Tensor:
        """Weights of the kernels, which add up to one, ``(N,)``."""
        return torch.softmax(self.log_weights, -1)

    @property
    def effective(self) -> Tensor:
        """Effective number of kernels, 1 / sum of squared weights."""
        return 1 / self.weights.square().sum()

    def responsibilities(self, x: Tensor, mean: float, std: float) -> Tensor:
        """Weights of the kernels given diffused samples, ``(samples, N)``.

        Args:
            x: samples ``(samples, d)``.
            mean: factor m on the centres.
            std: standard deviation of the diffused kernels.
        """
        apart = torch.cdist(x, mean * self.centres, compute_mode="donot_use_mm_for_euclid_dist")
        log = apart.square_().div_(-2 * std**2).add_(self.log_weights.to(x))
        return torch.softmax(log, -1)

    def denoised(self, x: Tensor, mean: float, std: float) -> Tensor:
        """Conditional mean of the undiffused state, ``(samples, d)``; arguments as before."""
        count, found = max(1, PIECE // len(self.centres)), torch.empty_like(x)
        for piece, result in zip(x.split(count), found.split(count), strict=True):
            check_interruption()
            torch.matmul(self.responsibilities(piece, mean, std), self.centres, out=result)
        return found

    def score(self, x: Tensor, mean: float, std: float) -> Tensor:
        """Gradient of the log density of the diffused mixture, ``(samples, d)``."""
        return (mean * self.denoised(x, mean, std) - x) / std**2
