r"""EnKF: ensemble Kalman filter with perturbed observations, localised in observation space.

Target: at every step, the forecast prior, a Gaussian with the localised covariance of the ensemble
of model forecasts, times the Gaussian likelihood of the observations of that step.

.. math::
    x_j \leftarrow x_j + (\rho \circ P_{xy}) (\rho \circ P_{yy} + R)^{-1} (y + \epsilon_j - h(x_j))

with sample covariances of states and observed members and the Gaspari-Cohn taper rho of the
periodic distance. Products with the tapered covariances are stencils or, where the taper is wide,
convolutions, and the system is solved by conjugate gradients: no full matrix of the size of the
observations is ever formed. Without localisation the Woodbury identity solves it exactly in the
space of the members.

The perturbations are centred over members, so that they do not disturb the mean. Options left
open are taken from ``rows``, with the RMSE of the ensemble mean to expect from 24 members on
qg64: see :mod:`dalab.methods.ensemble.tuning`.

References:
    | Burgers, van Leeuwen and Evensen (1998): perturbed observations
    | Houtekamer and Mitchell (2001): localisation by a taper of the covariances
"""

from __future__ import annotations

from collections.abc import Callable

import param
import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...random import MemberStreams
from ..base import Problem
from ..gaussian.cg import conjugate_gradients
from .base import LocalisedKalman
from .localisation import Taper, from_fields, localised_product, to_fields
from .stencil import Stencil, is_small
from .tuning import Rows, Setting

TOLERANCE = 1e-9
"""Relative residual at which the localised solve stops."""


class EnKF(LocalisedKalman):
    """Ensemble Kalman filter with perturbed observations and the forecast model."""

    rows = Rows(
        alone={
            1.0: Setting(2.0, 1.2, 0.179),
            0.25: Setting(3.0, 1.1, 0.460),
            0.0625: Setting(3.0, 1.05, 0.843),
            0.01: Setting(3.0, 1.0, 1.02),
        },
        background={
            1.0: Setting(1.5, 1.1, 0.043),
            0.25: Setting(1.5, 1.1, 0.060),
            0.0625: Setting(2.0, 1.05, 0.067),
            0.01: Setting(3.0, 1.0, 0.068),
        },
    )

    iterations = param.Integer(
        300, bounds=(1, 1000), doc="conjugate-gradient iterations of the localised solve, at most"
    )

    def floats(self, problem: Problem, members: int) -> int:
        cells = problem.window[-2] * problem.window[-1] if self.localisation != 0 else 1
        return super().floats(problem, members) + 4 * members * cells

    def update(
        self, x: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        std = network.variance(like=data).sqrt()
        seen = network.apply(x.unsqueeze(-4))
        innovations = self.innovations(seen, data, std, streams)
        Y, X = anomalies(seen, -2) / std, anomalies(x, -4)
        where = self.taper(x)
        if where is None:
            return x + global_increment(X, Y, innovations)
        return x + local_increment(X, Y, network, innovations, where, self.iterations)

    def innovations(
        self, seen: Tensor, data: Tensor, std: Tensor, streams: MemberStreams
    ) -> Tensor:
        """Innovations of the members over the error std, ``(..., N, size)``.

        Args:
            seen: observed members, ``(..., N, size)``.
            data: observations, ``(..., size)``.
            std: of their errors, ``(size,)``.
            streams: randomness, one stream per member.
        """
        noise = centre_members(streams.normal(data.shape).movedim(0, -2))
        return (data.unsqueeze(-2) + std * noise - seen) / std


def anomalies(x: Tensor, dim: int) -> Tensor:
    """Subtract the mean over members."""
    return x - x.mean(dim, keepdim=True)


def centre_members(noise: Tensor) -> Tensor:
    """Centre noise ``(..., N, size)`` over members, keeping its variance."""
    N = noise.shape[-2]
    return anomalies(noise, -2) * (N / (N - 1)) ** 0.5


def global_increment(X: Tensor, Y: Tensor, innovations: Tensor) -> Tensor:
    """Increments ``(..., N, lev, y, x)`` with the plain sample covariances.

    Args:
        X: anomalies of the states, ``(..., N, lev, y, x)``.
        Y: anomalies of the observed members over the error std, ``(..., N, size)``.
        innovations: one per member, over the error std, ``(..., N, size)``.
    """
    N = X.shape[-4]
    H = Y @ Y.mT + (N - 1) * torch.eye(N, dtype=Y.dtype, device=Y.device)
    w = torch.linalg.solve(H, Y @ innovations.mT)
    return torch.einsum("...ilyx,...ij->...jlyx", X, w)


def local_increment(
    X: Tensor,
    Y: Tensor,
    network: ObservingNetwork,
    innovations: Tensor,
    where: Taper,
    iterations: int,
) -> Tensor:
    """Increments with tapered covariances.

    Args:
        X: anomalies of the states, ``(..., N, lev, y, x)``.
        Y: anomalies of the observed members over the error std, ``(..., N, size)``.
        network: network of one step.
        innovations: one per member, over the error std, ``(..., N, size)``.
        where: localisation.
        iterations: conjugate-gradient iterations, at most.
    """
    S = observed_covariance(Y, network, where)
    variance = 1 + Y.pow(2).sum(-2, keepdim=True) / (Y.shape[-2] - 1)
    a = conjugate_gradients(
        lambda v: v + S(v), innovations, preconditioner=1 / variance, iterations=iterations,
        tolerance=TOLERANCE,
    )
    inner = where(
        torch.einsum("...icyx,...kcyx->...kiyx", to_fields(network, Y), to_fields(network, a))
    )
    return torch.einsum("...icyx,...kiyx->...kcyx", X, inner) / (X.shape[-4] - 1)


def observed_covariance(
    Y: Tensor, network: ObservingNetwork, where: Taper
) -> Callable[[Tensor], Tensor]:
    """Product of the tapered covariance of the observed members with ``(..., K, size)``."""
    numbers = to_fields(network, torch.arange(1, network.size + 1, device=Y.device))
    if is_small(numbers, where):
        return Stencil(Y, numbers, where)
    fields = to_fields(network, Y)
    return lambda v: from_fields(network, localised_product(fields, to_fields(network, v), where))
