"""Innovations of a linearised network and of a background.

Both are rows ``(members, rows)``: observations, linearised statistically, and the background, cell
by cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...priors.covariance import SpectralCovariance
from ..base import Background
from .linearise import linearise

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Innovations:
    """Innovations of windows with the covariance C of a table.

    Args:
        values: data minus their expectation.
        error: variance of each row's error, that of the linearisation included.
        signal: variance of each row under C.
        forward: J, from windows to rows.
        adjoint: J^T, from rows to windows.
        spectral_information: information of operators that act on wavenumbers, as
            :attr:`ObservingNetwork.spectral_information`; ``None`` where there are none.
    """

    values: Tensor
    error: Tensor
    signal: Tensor
    forward: Map
    adjoint: Map
    spectral_information: Tensor | None = None

    def after(self, move: Tensor) -> Innovations:
        """Innovations of windows whose expectation has moved by ``move``."""
        return replace(self, values=self.values - self.forward(move))

    def inflate_errors(self, factor: float) -> Innovations:
        """Multiply the error variances by ``factor``."""
        information = self.spectral_information
        return replace(
            self, error=factor * self.error,
            spectral_information=None if information is None else information / factor,
        )

    def pull(self, rows: Tensor) -> Tensor:
        """Apply J^T (R + Omega)^{-1} to rows."""
        return self.adjoint(rows / self.error)


def observation_innovations(
    network: ObservingNetwork, data: Tensor, mean: Tensor, cov: SpectralCovariance
) -> Innovations:
    """Innovations of observations, linearised about N(mean, cov).

    Args:
        network: the observing network, not empty.
        data: observation vector ``(size,)``, or one per member.
        mean: windows ``(members, time, lev, y, x)``.
        cov: their common covariance.
    """
    lin = linearise(network, mean, cov)
    values = data - lin.mean
    error = (network.variance(like=mean) + lin.excess).expand_as(values)
    signal = lin.signal.expand_as(values)
    information = network.spectral_information
    return Innovations(values, error, signal, lin.forward, lin.adjoint, information)


def background_innovations(
    background: Background, mean: Tensor, cov: SpectralCovariance
) -> Innovations:
    """Innovations of a background, one for every cell of step 0.

    Args:
        background: the background.
        mean: windows ``(members, time, lev, y, x)``.
        cov: their common covariance.
    """
    first = mean[:, 0]

    def adjoint(a: Tensor) -> Tensor:
        window = torch.zeros_like(mean)
        window[:, 0] = a.view_as(first)
        return window

    values = (background.state - first).flatten(1)
    return Innovations(
        values, torch.full_like(values, background.std**2),
        cov.variance()[0].expand_as(first).flatten(1), lambda x: x[:, 0].flatten(1), adjoint,
    )


def stack(parts: list[Innovations]) -> Innovations:
    """Concatenate the rows of several sets of innovations of the same windows."""
    sizes = [part.values.shape[-1] for part in parts]

    def adjoint(a: Tensor) -> Tensor:
        pieces = zip(parts, a.split(sizes, -1), strict=True)
        return torch.stack([part.adjoint(piece) for part, piece in pieces]).sum(0)

    information = [p.spectral_information for p in parts if p.spectral_information is not None]
    return Innovations(
        values=torch.cat([part.values for part in parts], -1),
        error=torch.cat([part.error for part in parts], -1),
        signal=torch.cat([part.signal for part in parts], -1),
        forward=lambda x: torch.cat([part.forward(x) for part in parts], -1),
        adjoint=adjoint,
        spectral_information=torch.stack(information).sum(0) if information else None,
    )
