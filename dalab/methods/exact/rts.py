r"""Rauch-Tung-Striebel smoother: the exact window posterior of a linear system.

After the Kalman filter a backward pass draws whole trajectories of the posterior. With the filter's
m_k, P_k, its forecast m^f, P^f for step k + 1, and F the step,

.. math::
    G = P_k F^T (P^f)^{+}, \quad
    x_k = m_k + G (x_{k+1} - m^f) + N(0, P_k - G P^f G^T) ,

starting from a draw of the last analysis. The pseudo-inverse serves steps that lose information.
Noise is centred over members: their mean is the smoothed mean exactly, and one member alone is it.

References:
    | Rauch, Tung and Striebel (1965); Fruhwirth-Schnatter (1994): sampling backwards
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ...random import MemberStreams
from ..base import Method, Problem, Step
from ..cycling import centre
from .kalman import Normal, filter_window, matrix


class RTSSmoother(Method):
    """Rauch-Tung-Striebel smoother: exact window posterior of linear systems, as ``kf``."""

    family = "Exact and particles"
    uses_model = True
    coupled = True

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        total, shape = problem.window[0], problem.window[1:]
        size = torch.Size(shape).numel()

        def estimate(states: list[Tensor]) -> Tensor:
            return torch.stack(states, 1).to(problem.data).unflatten(-1, shape)

        forecasts, analyses, window = [], [], []
        for k, (forecast, analysis) in enumerate(filter_window(problem)):
            forecasts.append(forecast)
            analyses.append(analysis)
            window.append(analysis.draws(centre(streams.normal((size,))).double()))
            padded = window + [window[-1]] * (total - len(window))
            yield Step(estimate(padded), k + 1, 2 * total - 1, note=f"forward, step {k}")
        F = matrix(problem.system.step, shape, problem.data.device)
        for k in reversed(range(total - 1)):
            noise = centre(streams.normal((size,))).double()
            window[k] = smooth_backward(analyses[k], forecasts[k + 1], F, window[k + 1], noise)
            done = 2 * total - 1 - k
            yield Step(estimate(window), done, 2 * total - 1, note=f"backward, step {k}")


def smooth_backward(
    analysis: Normal, forecast: Normal, F: Tensor, later: Tensor, noise: Tensor
) -> Tensor:
    """Draw states given draws of the next ones.

    Args:
        analysis: the filter's at this step.
        forecast: the filter's forecast from it for the next step.
        F: the step, ``(d, d)``.
        later: draws of the next state, ``(members, d)``.
        noise: white noise of that shape.
    """
    G = analysis.cov @ F.T @ torch.linalg.pinv(forecast.cov, hermitian=True)
    rest = analysis.cov - G @ forecast.cov @ G.T
    return Normal(analysis.mean, (rest + rest.T) / 2).draws(noise) + (later - forecast.mean) @ G.T
