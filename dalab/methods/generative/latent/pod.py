r"""POD: the leading principal components of the climate as a latent space.

With the singular vectors :math:`\phi_i` of states minus their mean m, and the standard deviations
:math:`s_i` of the states along them,

.. math::
    \ell_i = \phi_i^T (x - m) / s_i, \qquad x = m + \sum_i s_i \ell_i \phi_i .

Observations are encoded by linear regression, with the covariances of the same states and the
assumed errors R,

.. math:: \ell_y = C_{\ell y} (C_{yy} + R)^{-1} (y - \bar y) ,

the best linear estimate of a latent state by the climate and the data.

Where there are fewer states than numbers in one, and the climate is the same all over the grid, the
components are those of the covariance averaged over all shifts: Fourier modes, whose variances are
known far better. Then the regression, too, takes the states with some of their shifts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor

from ....observations import ObservingNetwork
from ....priors.covariance import estimate
from ....random import stream
from .space import LatentSpace

SMALL = 4096
"""Numbers in a state up to which those of the space are in double precision."""

SPANNED = 1e-12
"""Variance of the last component relative to the first."""

COPIES = 8
"""Shifted copies of every state in the regression."""


class POD(LatentSpace):
    """Latent space of principal components.

    Args:
        shape: of a state, (lev, y, x).
        tensors: mean ``(d,)``, modes ``(L, d)`` and std ``(L,)``; and of coupled spaces gain
            ``(size, L)`` and observed ``(size,)``, the mean of the observations.
    """

    def __init__(self, shape: tuple[int, ...], tensors: Mapping[str, Tensor]) -> None:
        self.shape, self._tensors = shape, dict(tensors)
        self.size = len(self._tensors["std"])

    @classmethod
    def fit(
        cls, states: Tensor, size: int | None, explained: float,
        network: ObservingNetwork | None = None, *, uniform: bool = False,
    ) -> Self:
        """Space of the leading components of some states.

        Args:
            states: normalised, ``(count, lev, y, x)``.
            size: components wanted; ``None`` for as many as explain a share of the variance. There
                are no more than the states span.
            explained: that share.
            network: network of one step, whose observations are encoded; ``None`` for none.
            uniform: true if the climate is the same all over the grid.
        """
        x = states.flatten(1)
        fourier = uniform and len(x) <= x.shape[1]
        find = fourier_components if fourier else components
        dtype = torch.float64 if x.shape[1] <= SMALL else torch.float32
        space = cls(tuple(states.shape[1:]), _plain(find(states, size, explained), dtype))
        if network is None:
            return space
        states = shifted(states, COPIES) if fourier else states
        known = regression(states, space.encode(states), network)
        return cls(space.shape, {**space.tensors(), **_plain(known, dtype)})

    def encode(self, x: Tensor) -> Tensor:
        mean, modes, std = self._like(x, "mean", "modes", "std")
        return (x.flatten(-3) - mean) @ modes.mT / std

    def decode(self, z: Tensor) -> Tensor:
        mean, modes, std = self._like(z, "mean", "modes", "std")
        return ((z * std) @ modes + mean).unflatten(-1, self.shape)

    def encode_observations(self, data: Tensor) -> Tensor:
        gain, observed = self._like(data, "gain", "observed")
        return (data - observed) @ gain

    def tensors(self) -> dict[str, Tensor]:
        return self._tensors

    def _like(self, x: Tensor, *names: str) -> list[Tensor]:
        return [self._tensors[name].to(x) for name in names]


def _plain(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: value.to(dtype).contiguous() for name, value in tensors.items()}


def components(states: Tensor, size: int | None, explained: float) -> dict[str, Tensor]:
    """Mean, orthonormal modes and standard deviations of states; arguments as for ``POD.fit``."""
    x = states.flatten(1)
    mean = x.mean(0)
    _, root, modes = torch.linalg.svd(x - mean, full_matrices=False)
    root = root[root > len(x) * torch.finfo(x.dtype).eps * root[0]] / math.sqrt(len(x))
    count = _enough(root.square(), size, explained)
    return {"mean": mean, "modes": modes[:count], "std": root[:count]}


def _enough(variances: Tensor, size: int | None, explained: float) -> int:
    """Number of the leading components wanted, by the variances of all."""
    share = variances.cumsum(0) / variances.sum()
    return min(int((share < explained).sum()) + 1 if size is None else size, len(share))


def fourier_components(states: Tensor, size: int | None, explained: float) -> dict[str, Tensor]:
    """:func:`components` of states and all their shifts around the grid.

    A wavenumber and an eigenvector of its covariance over the fields have two modes of the same
    variance, a cosine and a sine; wavenumbers that are their own opposites have one.
    """
    mean = states.mean((0, -2, -1), keepdim=True)[0].expand(states.shape[1:])
    values, vectors = torch.linalg.eigh(estimate((states - mean).unsqueeze(1), 0.0))
    (ny, half, lev), nx = values.shape, states.shape[-1]
    l, k, number = (
        index.flatten() for index in
        torch.meshgrid(*(torch.arange(n) for n in (ny, half, lev)), indexing="ij")
    )
    edge, own = (k == 0) | (2 * k == nx), (l == 0) | (2 * l == ny)  # an edge holds opposites twice
    variances = torch.stack([values.flatten(), values.flatten()], 1)
    variances[edge & (2 * l > ny)] = 0.0
    variances[edge & own, 1] = 0.0
    variances = variances.flatten()
    order = variances.argsort(descending=True, stable=True)
    order = order[variances[order] > SPANNED * variances.max()]
    order = order[:_enough(variances[order], size, explained)]
    at, phase = order // 2, order % 2
    spectra = vectors.new_zeros(len(order), lev, ny, half)
    turned = vectors[l[at], k[at], :, number[at]] * torch.where(phase == 1, 1j, 1.0)[:, None]
    spectra[torch.arange(len(order)), :, l[at], k[at]] = turned
    modes = torch.fft.irfft2(spectra, s=(ny, nx)).flatten(1)
    modes = modes / modes.norm(dim=1, keepdim=True)
    return {"mean": mean.flatten(), "modes": modes, "std": variances[order].sqrt()}


def shifted(states: Tensor, copies: int) -> Tensor:
    """Some copies of every state, each shifted around the grid, ``(copies * count, lev, y, x)``."""
    generator = stream(0, "shifts of states")
    return torch.stack([
        state.roll(
            tuple(int(torch.randint(n, (), generator=generator)) for n in state.shape[-2:]),
            (-2, -1),
        )
        for state in states for _ in range(copies)
    ])


def regression(states: Tensor, latent: Tensor, network: ObservingNetwork) -> dict[str, Tensor]:
    """Gain and mean of the best linear estimate of latent states from observations.

    It is solved among the observations or among the states, whichever are fewer.

    Args:
        states: normalised, ``(count, lev, y, x)``.
        latent: their latent states, ``(count, L)``.
        network: network of one step.
    """
    with torch.no_grad():
        observed = network.apply(states.unsqueeze(-4))
    mean, std = observed.mean(0), network.variance(like=observed).sqrt()
    Y, Z = ((observed - mean) / std).double(), latent.double()
    count, m = Y.shape
    if m < count:
        gain = torch.linalg.solve(Y.mT @ Y + count * torch.eye(m).to(Y), Y.mT @ Z)
    else:
        gain = Y.mT @ torch.linalg.solve(Y @ Y.mT + count * torch.eye(count).to(Y), Z)
    return {"gain": gain / std[:, None], "observed": mean}
