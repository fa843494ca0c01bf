r"""Guided generation: from latents of an interpolant to states, forwards in its time.

.. math::
    z \leftarrow z + h \, [ b_y + \epsilon(t) \, s_y ] + \sqrt{2 h \epsilon(t)} \, \xi , \qquad
    b_y = b + \lambda \kappa g , \quad s_y = s + \lambda g , \quad
    \epsilon(t) = \epsilon_0 (1 - t) ,

in equal steps to t = 1, with the likelihood score g of :mod:`.guidance`, its factor
:math:`\kappa` and its strength :math:`\lambda`. At t = 0 there is no guidance, for want of a
covariance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ....interruption import check_interruption
from ....notes import note
from ....priors.flow import Flow, score_of, velocity_of
from .guidance import Guidance
from .inversion import Normal

TAU = 1e-4
"""Size of a Langevin correction, as published."""


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """Guided generation along an interpolant; every window is by itself.

    Args:
        flow: interpolant of the prior.
        steps: Euler steps.
        epsilon: noise over 1 - t; 0 for the flow itself.
        strength: factor of the likelihood score.
        decay: multiply it by 1 - t.
        corrections: Langevin moves before each step, whose size is that of the step times 1e-4
            over the mean square of the score of the window.
        batch: windows per evaluation of the prior.
    """

    flow: Flow
    steps: int
    epsilon: float = 0.0
    strength: float = 1.0
    decay: bool = False
    corrections: int = 0
    batch: int = 32

    def generate(
        self, z: Tensor, t_min: float, normal: Normal, guidance: Guidance | None = None,
        data: Tensor | None = None,
    ) -> Tensor:
        """States from latents.

        Args:
            z: latents, ``(count, 1, lev, y, x)``.
            t_min: their time.
            normal: source of noise.
            guidance: estimate of the likelihood score; none for the prior alone.
            data: observations of every window, ``(count, size)``; needed with guidance.
        """
        h = (1 - t_min) / self.steps
        for k in range(self.steps):
            check_interruption()
            t = t_min + k * h
            for _ in range(self.corrections):
                z = self._correct(z, self.drifts(z, t, guidance, data)[1], h, normal)
            b, s = self.drifts(z, t, guidance, data)
            e = self.epsilon * (1 - t)
            z = z + h * (b + e * s)
            if e > 0:
                z = z + math.sqrt(2 * h * e) * normal()
            note(f"generation {k + 1} of {self.steps}")
        return z

    def drifts(
        self, z: Tensor, t: float, guidance: Guidance | None = None, data: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Guided velocity and guided score at a time, both shaped like the windows ``z``."""
        if guidance is None or data is None or t == 0:
            clean = torch.cat([self.flow.data_mean(part, t) for part in z.split(self.batch)])
            return velocity_of(z, clean, t), score_of(z, clean, t)
        pairs = zip(z.split(self.batch), data.split(self.batch), strict=True)
        means, scores = zip(*(guidance(part, t, values) for part, values in pairs), strict=True)
        clean, g = torch.cat(means), self._strength(t) * torch.cat(scores)
        b, s = velocity_of(z, clean, t), score_of(z, clean, t)
        return b + guidance.factor(t) * g, s + g

    def _strength(self, t: float) -> float:
        return self.strength * (1 - t if self.decay else 1.0)

    def _correct(self, z: Tensor, s: Tensor, h: float, normal: Normal) -> Tensor:
        size = h * TAU / s.square().flatten(1).mean(1).clamp(min=torch.finfo(s.dtype).tiny)
        size = size.view(-1, *[1] * (z.ndim - 1))
        return z + size * s + (2 * size).sqrt() * normal()
