r"""Analyses in the space of the members, for filters that change the weight of their prior.

With the observed anomalies Y over the error std (rows are members) and their eigenvectors,

.. math::
    Y Y^T = E \, \mathrm{diag}(s) \, E^T, \qquad
    (Y Y^T + \zeta I)^p = E \, \mathrm{diag}(s + \zeta)^p \, E^T ,

where zeta = N - 1 for the usual ensemble Kalman filter. A smaller zeta trusts the ensemble less:
it inflates the forecast anomalies by the root of (N - 1) / zeta.
"""

from __future__ import annotations

from dataclasses import dataclass

import param
import torch
from torch import Tensor

from ...random import MemberStreams
from .base import EnsembleFilter
from .transform import rotation


class SquareRootFilter(EnsembleFilter):
    """Filter that recombines its members; no inflation unless it is given."""

    inflation = param.Number(
        1.0, bounds=(1.0, 2.0), step=0.05, doc="factor on the analysed anomalies"
    )
    rotation = param.Boolean(
        False, doc="turn the analysed anomalies by a random rotation that keeps mean and covariance"
    )

    def transform(self, w: Tensor, W: Tensor, streams: MemberStreams) -> Tensor:
        """Matrix w + W of an analysis, ``(..., N, N)``, inflated and rotated.

        Args:
            w: weights of the mean, ``(..., N)``.
            W: weights of the anomalies, ``(..., N, N)``.
            streams: randomness, one stream per member.
        """
        W = self.inflation * W
        return w.unsqueeze(-1) + (W @ rotation(streams).to(W) if self.rotation else W)


@dataclass(frozen=True)
class Modes:
    """Eigenvalues s ``(..., N)`` and eigenvectors E ``(..., N, N)`` of Y Y^T."""

    s: Tensor
    E: Tensor

    @classmethod
    def of(cls, Y: Tensor) -> Modes:
        """Modes of observed anomalies over the error std, ``(..., N, size)``."""
        s, E = torch.linalg.eigh(Y @ Y.mT)
        return cls(s.clamp(min=0), E)

    @property
    def members(self) -> int:
        """Number of members, N."""
        return self.s.shape[-1]

    def components(self, b: Tensor) -> Tensor:
        """Components E^T b of vectors ``(..., N)``."""
        return (self.E.mT @ b.unsqueeze(-1)).squeeze(-1)

    def power(self, zeta: Tensor, p: float) -> Tensor:
        """Matrices (Y Y^T + zeta I)^p, ``(..., N, N)``, for zeta ``(...,)``."""
        return (self.E * (self.s + zeta.unsqueeze(-1)).pow(p).unsqueeze(-2)) @ self.E.mT

    def solve(self, zeta: Tensor, b: Tensor) -> Tensor:
        """Solution of (Y Y^T + zeta I) w = b, ``(..., N)``."""
        return (self.power(zeta, -1.0) @ b.unsqueeze(-1)).squeeze(-1)

    def anomaly_weights(self, zeta: Tensor) -> Tensor:
        """Weights W of the analysed anomalies, ``(..., N, N)``: the symmetric square root."""
        return (self.members - 1) ** 0.5 * self.power(zeta, -0.5)

    def inverse_weights(self, zeta: Tensor) -> Tensor:
        """Inverse of :meth:`anomaly_weights`."""
        return self.power(zeta, 0.5) / (self.members - 1) ** 0.5
