r"""EnKF of a black box: all covariances are those of simulated, noisy observations.

Every member x_j gets a noisy observation :math:`\hat y_j` of its own, and

.. math:: x_j \leftarrow x_j + C_{xy} (C_{yy} + \epsilon I)^{-1} (y - \hat y_j) ,

where both covariances are sample covariances of states and simulated observations: the errors of
the observations are in C_yy as far as they have been drawn, and their law need not be known. There
is no localisation and no inflation.

Target: the forecast prior, a Gaussian with the sample covariance, times the Gaussian likelihood of
the observations, as the members become many; few underestimate C_yy.

Reference: the EnKF that CCDM is compared with (Binder et al., arXiv 2603.21291), by its earlier
code; the defaults are its settings. ``errors=known`` has the covariance of the observed members
without noise, plus R, for C_yy, and ``unbiased=True`` covariances over N - 1.
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...random import MemberStreams
from .base import EnsembleFilter
from .enkf import anomalies


class SimulatedEnKF(EnsembleFilter):
    """Ensemble Kalman filter with simulated observations and the forecast model as a black box."""

    members = param.Integer(
        250, bounds=(2, 10_000), doc="ensemble members, all kept in the result; those of the "
        "experiment if these are more",
    )
    ridge = param.Number(
        1e-6, bounds=(0.0, 1e6), inclusive_bounds=(False, True),
        doc="number added to the variances of the observations, in their units squared",
    )
    errors = param.Selector(
        default="simulated", objects=["simulated", "known"],
        doc="covariance of the errors: that of simulated ones, as published, or the true one",
    )
    unbiased = param.Boolean(False, doc="covariances over N - 1 instead of N, as published")

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        windows, count = ensemble.unsqueeze(-4), ensemble.shape[-4] - self.unbiased
        simulated = network.simulate(windows, streams.generators[0])
        innovations = data.unsqueeze(-2) - simulated
        X, Y, std = anomalies(ensemble, -4).flatten(-3), anomalies(simulated, -2), 1.0
        ridge = self.ridge
        if self.errors == "known":  # errors of one variance, so that they are a ridge
            std = (network.variance(like=data) + ridge).sqrt()
            Y, ridge = anomalies(network.apply(windows), -2), 1.0
        weights = regression_weights(Y / std, innovations / std, count * ridge)
        return ensemble + (weights @ X).unflatten(-1, ensemble.shape[-3:])


def regression_weights(Y: Tensor, innovations: Tensor, ridge: Tensor | float) -> Tensor:
    """Increments as weights of the anomalies of the members, ``(..., N, N)``.

    Args:
        Y: anomalies of the observations of the members, ``(..., N, size)``.
        innovations: one per member, ``(..., N, size)``.
        ridge: number added to the diagonal of the products of these anomalies.
    """
    N, size = Y.shape[-2:]
    if size <= N:
        C = Y.mT @ Y + ridge * torch.eye(size).to(Y)
        return torch.linalg.solve(C, innovations.mT).mT @ Y.mT
    G = Y @ Y.mT + ridge * torch.eye(N).to(Y)
    return torch.linalg.solve(G, Y @ innovations.mT).mT
