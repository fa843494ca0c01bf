r"""Localisation: sums over observations, tapered with distance, as convolutions on the grid.

Every product that a localised ensemble filter needs has the form

.. math:: s(p) = \sum_q \rho(|p - q|) \, f(q) ,

with a field f that is zero where nothing is observed, hence costs one pair of FFTs for all grid
points p together. Distances are horizontal and periodic: the levels and channels of one column
count as one place, so that an observation of one level corrects all of them, unless the LETKF is
told how far apart levels are (:func:`level_factors`).

References:
    | Gaspari and Cohn (1999), equation 4.10. Convention: half-width c, support 2c; a radius r in
      the convention of Lorenc (2003), used by many tables for Lorenz-96, is c = 1.82 r
    | Hamill, Whitaker and Snyder (2001): covariances times the taper
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import InputError
from ...observations import ObservingNetwork
from ...observations.operator_kinds import Elementwise, Operator
from ...observations.operators import Component


def gaspari_cohn(grid: Sequence[int], c: float) -> Tensor:
    """Taper by the periodic distance to cell (0, 0) of a grid (ny, nx), support ``2 c`` cells."""
    dy, dx = (torch.fft.fftfreq(n, dtype=torch.float64) * n for n in grid)
    return taper_at(torch.hypot(dy[:, None], dx) / c)


def taper_at(r: Tensor) -> Tensor:
    """Taper at distances ``r``, in half-widths."""
    near = 1 - 5 / 3 * r**2 + 5 / 8 * r**3 + r**4 / 2 - r**5 / 4
    far = 4 - 5 * r + 5 / 3 * r**2 + 5 / 8 * r**3 - r**4 / 2 + r**5 / 12 - 2 / (3 * r).clamp(min=1)
    return torch.where(r <= 1, near, torch.where(r <= 2, far.clamp(min=0.0), 0.0))


class Taper:
    """Gaspari-Cohn weighted sums around every cell.

    Args:
        grid: cells along y and x.
        radius: half-width c in cells.
        like: tensor whose device and precision are taken.
    """

    def __init__(self, grid: Sequence[int], radius: float, like: Tensor) -> None:
        self.grid, self.radius = tuple(grid), radius
        self.weights = gaspari_cohn(grid, radius).to(like)
        self.spectrum = torch.fft.rfft2(self.weights)

    def __call__(self, fields: Tensor) -> Tensor:
        """Tapered sums of fields ``(..., y, x)``."""
        return torch.fft.irfft2(self.spectrum * torch.fft.rfft2(fields), s=self.grid)


def taper(x: Tensor, radius: float) -> Taper | None:
    """Taper on the grid of states ``(..., y, x)``; ``None`` for radius 0, and for a single cell."""
    return Taper(x.shape[-2:], radius, x) if radius > 0 and x.shape[-2:].numel() > 1 else None


def level_factors(network: ObservingNetwork, levels: int, distance: float, c: float) -> Tensor:
    """Taper of the distance between levels and the channels of a network, ``(levels, channels)``.

    Args:
        network: whose channels, of all instruments one after the other.
        levels: levels of a state.
        distance: of neighbouring levels, in cells.
        c: half-width in cells.

    Raises:
        InputError: if an operator mixes levels.
    """
    at = torch.tensor([level for i in network.instruments for level in _levels(i.operator)])
    return taper_at((torch.arange(levels)[:, None] - at).abs().double() * distance / c)


def _levels(operator: Operator) -> Sequence[int]:
    """Level of every channel of an operator."""
    if isinstance(operator, Elementwise):
        return range(len(operator.channels))
    if isinstance(operator, Component):
        return (operator.field - 1,)
    raise InputError(
        operator.title(), "with a distance between levels",
        "must observe single levels", "Use vertical=0, or an operator that acts on every value.",
    )


def to_fields(network: ObservingNetwork, values: Tensor) -> Tensor:
    """Put observation vectors ``(..., size)`` of one step on the grid, ``(..., channels, y, x)``.

    The channels of all instruments stand one after the other; cells without data are zero.
    """
    pieces = zip(network.instruments, network.split(values), strict=True)
    return torch.cat([i.put(piece)[..., 0, :, :, :] for i, piece in pieces], dim=-3)


def from_fields(network: ObservingNetwork, fields: Tensor) -> Tensor:
    """Take the observed entries of fields, ``(..., size)``: transpose of :func:`to_fields`."""
    counts = [len(i.operator.channels) for i in network.instruments]
    pieces = zip(network.instruments, fields.split(counts, dim=-3), strict=True)
    return torch.cat([i.take(piece.unsqueeze(-4)) for i, piece in pieces], dim=-1)


def localised_product(anomalies: Tensor, v: Tensor, taper: Taper | None) -> Tensor:
    r"""Product of the tapered sample covariance with fields: (rho o A^T A / (N - 1)) v.

    .. math:: \frac{1}{N - 1} \sum_i A_i \, \rho * \sum_c A_{ic} v_c

    Args:
        anomalies: A, ``(..., N, channels, y, x)``.
        v: fields ``(..., K, channels, y, x)``.
        taper: localisation; none for the plain sample covariance.
    """
    inner = torch.einsum("...icyx,...kcyx->...kiyx", anomalies, v)
    inner = inner.sum((-2, -1), keepdim=True).expand_as(inner) if taper is None else taper(inner)
    return torch.einsum("...icyx,...kiyx->...kcyx", anomalies, inner) / (anomalies.shape[-4] - 1)
