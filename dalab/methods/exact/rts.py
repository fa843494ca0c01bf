r"""Rauch-Tung-Striebel smoother: the exact window posterior of a linear system.

Target: the exact posterior of all steps given all observations of the window, from the background
or the climatological prior of step 0.

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
from ..cycling import centre, pad
from .kalman import Normal, check, filter_window, matrix


class RTSSmoother(Method):
    """Rauch-Tung-Striebel smoother: exact window posterior of linear systems, as ``kf``."""

    family = "Exact and particles"
    uses_model = True
    coupled = True
    cycles = False

    def check(self, problem: Problem, members: int) -> None:
        check(problem)

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        forecasts, analyses, window = [], [], []
        for k, (forecast, analysis) in enumerate(filter_window(problem)):
            forecasts.append(forecast)
            analyses.append(analysis)
            window.append(analysis.draws(self._noise(problem, streams)))
            yield self._step(problem, window, k + 1, f"forward, step {k}")
        F = matrix(problem.system.step, problem.window[1:], problem.data.device)
        for k in reversed(range(len(window) - 1)):
            noise = self._noise(problem, streams)
            window[k] = smooth_backward(analyses[k], forecasts[k + 1], F, window[k + 1], noise)
            yield self._step(problem, window, 2 * len(window) - 1 - k, f"backward, step {k}")

    @staticmethod
    def _noise(problem: Problem, streams: MemberStreams) -> Tensor:
        """White noise of flattened states, centred over members."""
        return centre(streams.normal((torch.Size(problem.window[1:]).numel(),))).double()

    @staticmethod
    def _step(problem: Problem, window: list[Tensor], done: int, note: str) -> Step:
        """Step with the flattened states found so far, the last of them repeated to the end."""
        total = problem.window[0]
        states = pad([state.to(problem.data) for state in window], total)
        return Step(states.unflatten(-1, problem.window[1:]), done, 2 * total - 1, note=note)


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
