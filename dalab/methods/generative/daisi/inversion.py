r"""Inversion: from states to latents of an interpolant, backwards in its time.

.. math::
    z \leftarrow z - h \, [ b(z, t) - \epsilon(t) \, s(z, t) ] + \sqrt{2 h \epsilon(t)} \, \xi ,
    \qquad \epsilon(t) = \epsilon_0 (1 - t) ,

from t = 1 in equal steps, velocity b and score s at the left end of a step, where it begins. The
SDE has the marginals of the interpolant whatever :math:`\epsilon` is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ....interruption import check_interruption
from ....notes import note
from ....priors.flow import Flow, score_of, velocity_of

Normal = Callable[[], Tensor]
"""Source of standard normal numbers in the shape of all windows."""


def invert(
    flow: Flow, x: Tensor, *, t_min: float, steps: int, epsilon: float, normal: Normal, batch: int
) -> Tensor:
    """Latents of states at ``t_min``.

    Args:
        flow: interpolant of the prior.
        x: normalised windows, ``(count, 1, lev, y, x)``.
        t_min: time of the latents.
        steps: Euler steps.
        epsilon: noise over 1 - t; 0 for the flow itself.
        normal: source of noise.
        batch: windows per evaluation of the prior.
    """
    h, z = (1 - t_min) / steps, x
    for k in range(steps):
        check_interruption()
        t = 1 - k * h
        data = torch.cat([flow.data_mean(part, t) for part in z.split(batch)])
        z = inversion_step(z, data, t, h, epsilon, normal)
        note(f"inversion {k + 1} of {steps}")
    return z


def inversion_step(
    z: Tensor, data: Tensor, t: float, h: float, epsilon: float, normal: Normal
) -> Tensor:
    """Windows at ``t - h`` from those at ``t`` and their data means, all of one shape."""
    e = epsilon * (1 - t)
    moved = z - h * (velocity_of(z, data, t) - e * score_of(z, data, t))
    return moved if e == 0 else moved + math.sqrt(2 * h * e) * normal()
