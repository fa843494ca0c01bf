r"""Samplers of the weighted kernels: the flow of the diffusion, its reverse SDE, direct draws.

The one-parameter family

.. math:: dx = \big[ f x - \tfrac12 (1 + a) g^2 s \big] dt + \sqrt a \, g \, d\bar W ,

followed from 1 to the end of the schedule, is the probability flow for a = 0 and the reverse SDE
for a = 1. All of them draw from the mixture at the end, as :func:`draw` does in one step.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from ....random import MemberStreams
from .kernels import Kernels
from .schedules import Diffusion

TOLERANCE = 1e-5
"""Relative and absolute tolerance of the flow, as released."""


def begin(
    kernels: Kernels, path: Diffusion, normal: Tensor, index: Tensor | None
) -> Tensor:
    """Samples at pseudo-time 1, ``(N, d)``: noise alone, or about centres.

    Args:
        kernels: the weighted forecasts.
        path: the schedule.
        normal: latent numbers, ``(N, d)``.
        index: centres to start about, drawn by their weights, ``(N,)``.
    """
    noise = path.std(1.0) * normal
    return noise if index is None else path.mean(1.0) * kernels.centres[index] + noise


def draw(kernels: Kernels, path: Diffusion, normal: Tensor, index: Tensor) -> Tensor:
    """Samples of the mixture at the end of a schedule, one about each centre drawn, ``(N, d)``."""
    return path.mean(path.last) * kernels.centres[index] + path.std(path.last) * normal


def follow_flow(kernels: Kernels, path: Diffusion, x: Tensor) -> Tensor:
    """Samples at the end of the probability flow, by an adaptive Runge-Kutta scheme of order 5.

    The step sizes are those of all samples together. Where the scheme fails the samples are NaN.

    Args:
        kernels: the weighted forecasts.
        path: the schedule.
        x: samples at pseudo-time 1, ``(N, d)``.
    """

    def change(t: float, y: np.ndarray) -> np.ndarray:
        state = torch.from_numpy(y).reshape(x.shape).to(x)
        score = kernels.score(state, path.mean(t), path.std(t))
        found = path.drift(t) * state - path.diffusion(t) / 2 * score
        return found.double().cpu().numpy().ravel()

    if path.last == 1.0:
        return x
    first = x.double().cpu().numpy().ravel()
    found = solve_ivp(
        change, (1.0, path.last), first, method="RK45", t_eval=[path.last], rtol=TOLERANCE,
        atol=TOLERANCE,
    )
    end = found.y[:, -1] if found.success else np.full_like(first, np.nan)
    return torch.from_numpy(end).reshape(x.shape).to(x)


def step_evenly(
    kernels: Kernels, path: Diffusion, x: Tensor, steps: int, a: float, streams: MemberStreams
) -> Tensor:
    """Samples at the end, by Euler-Maruyama steps of equal length.

    Args:
        kernels: the weighted forecasts.
        path: the schedule.
        x: samples at pseudo-time 1, ``(N, d)``.
        steps: their number.
        a: share of the noise of the reverse SDE.
        streams: randomness, one stream per member.
    """
    length = (1 - path.last) / steps
    for k in range(steps):
        t = 1 - k * length
        g2, score = path.diffusion(t), kernels.score(x, path.mean(t), path.std(t))
        x = x + length * ((1 + a) / 2 * g2 * score - path.drift(t) * x)
        if a:
            x = x + (a * length * g2) ** 0.5 * streams.normal(x.shape[1:])
    return x


def step_geometrically(
    kernels: Kernels, path: Diffusion, x: Tensor, steps: int, a: float, streams: MemberStreams
) -> Tensor:
    """Samples at the end, in steps between bandwidths of one ratio; arguments as before.

    The state must not decay: ``path.mean`` is 1.
    """
    stds = np.geomspace(path.std(1.0), path.std(path.last), steps + 1)
    for std, after in zip(stds[:-1].tolist(), stds[1:].tolist(), strict=True):
        gone = std**2 - after**2
        x = x + (1 + a) / 2 * gone * kernels.score(x, 1.0, std)
        if a:
            x = x + (a * gone) ** 0.5 * streams.normal(x.shape[1:])
    return x
