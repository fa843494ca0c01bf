r"""Noisy Lorenz-96 of which every third site is hidden.

.. math:: du_i = ((u_{i+1} - u_{i-2}) u_{i-1} - u_i + F) dt + \sigma \, dW_i

No product of two hidden sites occurs, so that they are Gaussian given the path of the others.

Reference: Chen, Chen and Wu, CGNSDE (arXiv 2404.06749): 36 sites, F = 8, noise 0.5
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ...option_fields import positive, real, whole
from ..parametric import Setting
from ..time_stepped import time_between, time_step
from .base import (
    Climate,
    Coefficients,
    ConditionalGaussian,
    Gaussian,
    euler_maruyama,
    independent_noise,
)


@dataclass(frozen=True, kw_only=True)
class HiddenLorenz96(ConditionalGaussian):
    """Three fields a, b and c on a ring of N cells: sites 3j, 3j + 1, and 3j + 2, which is hidden.

    Raises:
        InputError: as in :class:`ConditionalGaussian`.
    """

    name: str = "lorenz96-hidden"
    N: int = whole(12, 2, 1000, "hidden sites, a third of all")
    forcing: float = real(8.0, -100.0, 100.0, "F")
    noise: float = positive(0.5, 100.0, "sigma, amplitude of the noise of every site")
    dt: float = time_step(0.005, most=0.05)
    interval: float = time_between(0.1)
    resolved = 2
    climate = Climate((2.28,) * 3, (3.77,) * 3, (8.58,) * 3)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, 1, self.N)

    @property
    def variables(self) -> tuple[str, ...]:
        return ("a", "b", "c")

    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        a, b = u.split(self.N, -1)
        here, before = _neighbours(self.N, u.dtype, u.device)
        A1 = torch.cat([(b - b.roll(1, -1)).unsqueeze(-1) * before,
                        a.unsqueeze(-1) * (here - before)], -2)  # fmt: skip
        noise = (self.noise,) * self.N
        return euler_maruyama(
            self.dt, self.forcing - u, A1, self.forcing + (a.roll(-1, -1) - a) * b, -here,
            *independent_noise(u, noise + noise, noise),
        )


@lru_cache(maxsize=16)
def _neighbours(n: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Matrices ``(n, n)`` that take the values of the same cells and of those before them."""
    here = torch.eye(n, dtype=dtype, device=device)
    return here, here.roll(-1, -1)


@Setting
def lorenz96_hidden() -> HiddenLorenz96:
    """Noisy Lorenz-96 on 36 sites, every third of which is hidden, seen every 0.1."""
    return HiddenLorenz96()
