r"""Kalman filter with dense matrices: exact for linear systems, a reference for the others.

.. math::
    m^f = F m, \; P^f = F P F^T, \quad K = P^f H^T (H P^f H^T + R)^{-1}, \quad
    m = m^f + K (y - H m^f), \; P = (I - K H) P^f (I - K H)^T + K R K^T .

Target: at every step, the exact posterior given the observations up to it, from the background or
the climatological prior of step 0.

The matrices are written out from the system's step and the network's operators, which have to be
linear; that is checked. The system has no model noise, so neither has the filter. Members are draws
of N(m, P) of every step, centred, so that their mean is m exactly; one member alone is m.

References:
    | Kalman (1960); Joseph's form of the covariance update, which stays positive
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InputError
from ...observations import ObservingNetwork
from ...random import MemberStreams
from ...systems.base import System
from ..base import Method, Problem, Step
from ..cycling import centre, observations_at, pad

LARGEST = 3000
"""Size of a state beyond which dense matrices take minutes and gigabytes."""


@dataclass(frozen=True)
class Normal:
    """N(mean, cov) of a state, flattened: ``(d,)`` and ``(d, d)``, float64."""

    mean: Tensor
    cov: Tensor

    def forecast(self, F: Tensor) -> Normal:
        """Distribution after a linear step ``F``, ``(d, d)``."""
        return Normal(F @ self.mean, F @ self.cov @ F.T)

    def analysis(self, H: Tensor, variance: Tensor, data: Tensor) -> Normal:
        """Distribution given data ``H x`` with independent errors.

        Args:
            H: observation matrix, ``(m, d)``.
            variance: error variances, ``(m,)``.
            data: observations, ``(m,)``.
        """
        S = H @ self.cov @ H.T + torch.diag(variance)
        K = torch.linalg.solve(S, H @ self.cov).T
        rest = torch.eye(len(self.mean), dtype=K.dtype, device=K.device) - K @ H
        cov = rest @ self.cov @ rest.T + (K * variance) @ K.T
        return Normal(self.mean + K @ (data - H @ self.mean), (cov + cov.T) / 2)

    def draws(self, normal: Tensor) -> Tensor:
        """Draws ``(members, d)`` from white noise of that shape."""
        return self.mean + normal @ root(self.cov)


class KalmanFilter(Method):
    """Kalman filter: exact, for linear systems and operators, states of at most 3000 numbers."""

    family = "Exact and particles"
    uses_model = True
    coupled = True

    def check(self, problem: Problem, members: int) -> None:
        check(problem)

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        total, window, shape = problem.window[0], [], problem.window[1:]
        for k, (_, belief) in enumerate(filter_window(problem)):
            normal = centre(streams.normal((belief.mean.numel(),))).double()
            window.append(belief.draws(normal).to(problem.data).unflatten(1, shape))
            yield Step(pad(window, total), k + 1, total, note=f"step {k}")


def filter_window(problem: Problem) -> Iterator[tuple[Normal, Normal]]:
    """Yield forecast and analysis of every step.

    Raises:
        InputError: before the first, if the state is too large, or the system or an operator is
            not linear.
    """
    check(problem)
    F = matrix(problem.system.step, problem.window[1:], problem.data.device)
    forecast = initial_normal(problem)
    for k in range(problem.window[0]):
        network, data = observations_at(problem, k)
        H = matrix(lambda x, net=network: net.apply(x[:, None]), problem.window[1:], data.device)
        analysis = forecast.analysis(H, network.variance(like=H), data.double())
        yield forecast, analysis
        forecast = analysis.forecast(F)


def check(problem: Problem) -> None:
    """Raise unless dense linear algebra gives the exact answer.

    Raises:
        InputError: if the state is too large, or the system or an operator is not linear.
    """
    size = torch.Size(problem.window[1:]).numel()
    if size > LARGEST:
        raise InputError(
            "state size", size, f"must be at most {LARGEST} for dense covariances",
            "Use enkf, letkf or oi.",
        )  # fmt: skip
    if not problem.network.linear:
        raise InputError(
            "operators", _names(problem.network), "must be linear for the Kalman filter",
            "Use identity or velocity, or another method such as letkf or var4d.",
        )  # fmt: skip
    if not is_linear(problem.system, problem.data.device):
        raise InputError(
            "system", problem.system.name, "must be linear for the Kalman filter",
            "Use letkf, enks or var4d.",
        )  # fmt: skip


def _names(network: ObservingNetwork) -> str:
    return ", ".join(type(i.operator).__name__.lower() for i in network.instruments)


def is_linear(system: System, device: torch.device | str = "cpu", tolerance: float = 1e-8) -> bool:
    """True if a step of random states of climatological size commutes with sums and scaling.

    It is not tried with systems that say so themselves.
    """
    if system.linear is not None:
        return system.linear
    generator = torch.Generator().manual_seed(0)
    draw = torch.randn(2, *system.shape, generator=generator, dtype=torch.float64).to(device)
    a, b = system.step(draw)
    combined = system.step((2 * draw[0] - 3 * draw[1])[None])[0]
    return bool((combined - (2 * a - 3 * b)).abs().max() <= tolerance * (a.abs() + b.abs()).max())


def matrix(linear, shape: tuple[int, ...], device: torch.device | str) -> Tensor:
    """Matrix ``(outputs, d)`` of a linear map of states ``(batch, *shape)``, float64."""
    size = torch.Size(shape).numel()
    basis = torch.eye(size, dtype=torch.float64, device=device).unflatten(1, shape)
    return linear(basis).flatten(1).T


def initial_normal(problem: Problem) -> Normal:
    """Distribution of step 0 before its observations: the background, or the climatology."""
    shape, device = problem.window[1:], problem.data.device
    if problem.background is not None:
        mean = problem.background.state.double().flatten()
        eye = torch.eye(len(mean), dtype=torch.float64, device=device)
        return Normal(mean, problem.background.std**2 * eye)
    climate = problem.prior.climatological_covariance.first()
    size = torch.Size(shape).numel()
    eye = torch.eye(size, dtype=torch.float64, device=device).unflatten(1, shape)
    C = climate(eye.to(climate.matrices.real.dtype)[:, None]).flatten(1).double()
    return Normal(torch.zeros_like(C[0]), (C + C.T) / 2)


def root(cov: Tensor) -> Tensor:
    """Symmetric square root of a covariance ``(d, d)``; rounding below zero counts as zero."""
    w, V = torch.linalg.eigh(cov)
    return (V * w.clamp(min=0).sqrt()) @ V.T
