r"""Ensemble transform, global or at every grid point.

With forecast anomalies X' and Y' (rows are members), innovation d and N members, the analysis is

.. math::
    H = (N - 1) I + Y' R^{-1} Y'^T, \quad \bar w = H^{-1} Y' R^{-1} d, \quad
    W = \sqrt{N - 1} \, H^{-1/2}, \quad x_j = \bar x + X'^T (\bar w + W_{\cdot j}) .

With localisation, each grid point solves this for itself with R^{-1} tapered by distance. The
tapered products are convolutions (:mod:`dalab.methods.ensemble.localisation`), so that all points
are prepared by a few FFTs and solved in one batch.

Ensembles are ``(..., N, lev, y, x)``: any leading axes hold independent repeats.

References:
    | Bishop, Etherton and Majumdar (2001); Hunt, Kostelich and Szunyogh (2007)
    | Sakov and Oke (2008), Implications of the form of the ensemble transformation: rotations
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...random import MemberStreams
from .base import EnsembleKalman
from .localisation import Taper, to_fields


class TransformFilter(EnsembleKalman):
    """Ensemble Kalman filter that recombines its members, without perturbed observations."""

    rotation = param.Boolean(
        False, doc="turn the analysed anomalies by a random rotation that keeps mean and covariance"
    )

    def update(
        self, x: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        return apply_transform(x, self.transform(x, network, data, streams))

    def transform(
        self, x: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        """Matrices w + W of an analysis, ``(..., N, N)``, or ``(..., y, x, N, N)`` if local.

        They are ``(..., lev, y, x, N, N)`` if every level has its own.
        """
        where = self.taper(x)
        T = ensemble_weights(x, network, data, where, self.level_factors(x, network, where))
        return T @ rotation(streams).to(T) if self.rotation else T

    def level_factors(
        self, x: Tensor, network: ObservingNetwork, where: Taper | None
    ) -> Tensor | None:
        """Weights of the observed channels by level, ``(lev, channels)``; ``None`` for equal ones.

        Args:
            x: forecasts ``(..., N, lev, y, x)``.
            network: network of one step.
            where: horizontal localisation.
        """
        return None


def standardise(x: Tensor, network: ObservingNetwork, data: Tensor) -> tuple[Tensor, Tensor]:
    """Observed anomalies ``(..., N, size)`` and innovation ``(..., size)`` over the error std."""
    seen = network.apply(x.unsqueeze(-4))
    mean, std = seen.mean(-2, keepdim=True), network.variance(like=data).sqrt()
    return (seen - mean) / std, (data - mean[..., 0, :]) / std


def ensemble_weights(
    x: Tensor, network: ObservingNetwork, data: Tensor, taper: Taper | None,
    levels: Tensor | None = None,
) -> Tensor:
    """Transform of an ensemble by the observations of one step.

    Args:
        x: forecasts ``(..., N, lev, y, x)``.
        network: network of one step.
        data: its observations ``(..., size)``.
        taper: localisation, if there is any.
        levels: factors of R^{-1} for every level by channel, ``(lev, channels)``, if levels have
            transforms of their own.

    Returns:
        w + W, ``(..., N, N)``, or one for every column of the grid, ``(..., y, x, N, N)``, or one
        for every point, ``(..., lev, y, x, N, N)``.
    """
    Y, d = standardise(x, network, data)
    if taper is None:
        return weights(Y @ Y.mT, (Y @ d[..., None])[..., 0])
    Y, d = to_fields(network, Y), to_fields(network, d)
    if levels is None:
        return _local_weights(Y, Y, d, taper)
    factors = levels.to(Y)[..., None, None]
    return torch.stack([_local_weights(factor * Y, Y, d, taper) for factor in factors], -5)


def _local_weights(weighted: Tensor, Y: Tensor, d: Tensor, taper: Taper) -> Tensor:
    C = taper(torch.einsum("...icyx,...jcyx->...ijyx", weighted, Y))
    b = taper(torch.einsum("...icyx,...cyx->...iyx", weighted, d))
    return weights(C.movedim((-2, -1), (-4, -3)), b.movedim(-3, -1))


def weights(C: Tensor, b: Tensor) -> Tensor:
    """w + W of every point, ``(..., N, N)``, from C ``(..., N, N)`` and b ``(..., N)``.

    The symmetric square root keeps the ensemble mean and changes the members least.
    """
    N = C.shape[-1]
    eigenvalues, E = torch.linalg.eigh(C)
    eigenvalues = eigenvalues.clamp(min=0) + N - 1
    mean = E @ ((E.mT @ b[..., None]) / eigenvalues[..., None])
    root = (E * ((N - 1) / eigenvalues).sqrt()[..., None, :]) @ E.mT
    return mean + root


def apply_transform(x: Tensor, T: Tensor) -> Tensor:
    """Recombine members ``(..., N, lev, y, x)`` by ``T`` of :func:`ensemble_weights`."""
    mean = x.mean(-4, keepdim=True)
    places = {x.ndim: "yx", x.ndim + 1: "lyx"}.get(T.ndim, "")
    return mean + torch.einsum(f"...ilyx,...{places}ij->...jlyx", x - mean, T)


def rotation(streams: MemberStreams) -> Tensor:
    """Random orthogonal ``(N, N)`` with rows and columns that sum to one: it keeps the mean."""
    N = len(streams)
    normal = streams.normal((N,)).double()
    basis = torch.linalg.qr(torch.cat([torch.ones_like(normal[:, :1]), normal[:, 1:]], 1))[0]
    Q, R = torch.linalg.qr(normal[1:, 1:])
    turned = Q * torch.diagonal(R).sign()
    one = normal.new_full((N, N), 1 / N)
    return one + basis[:, 1:] @ turned @ basis[:, 1:].T
