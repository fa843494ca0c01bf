r"""Conditional Gaussian systems: stochastic, nonlinear, and linear in their hidden variables.

A state consists of resolved variables u and hidden ones v, whose equations are linear in v,

.. math::
    du = [A_0(u) + A_1(u) v] dt + S_1 dW , \qquad dv = [a_0(u) + a_1(u) v] dt + S_2 dW ,

so that v at any time is Gaussian given the path of u up to it. In a time step of the lab,

.. math::
    u' = u + f + H v + S_1 \xi , \qquad v' = F v + c + S_2 \xi , \qquad \xi \sim N(0, I) ,

by the scheme of Euler and Maruyama, or with a better F, c and S. It is this discrete system whose
conditional laws are exact (:mod:`dalab.methods.conditional_gaussian`). The noises of u and v are
correlated where their loadings share columns.

References:
    | Liptser and Shiryaev, Statistics of random processes II (2001), chapter 12
    | Chen and Majumdar, Conditional Gaussian systems for multiscale nonlinear stochastic systems:
      prediction, state estimation and uncertainty quantification (Entropy 20, 2018)
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from ...interruption import check_interruption
from ..time_stepped import InTimeSteps


class Gaussian(NamedTuple):
    """Law of the hidden variables of every block given the path of the resolved ones.

    Attributes:
        mean: ``(..., blocks, d2)``.
        cov: ``(..., blocks, d2, d2)``.
    """

    mean: Tensor
    cov: Tensor


class Coefficients(NamedTuple):
    """Law of one time step given the resolved variables, see the module.

    Leading axes may be left out where nothing depends on them.

    Attributes:
        f: drift of the resolved variables, ``(..., blocks, d1)``.
        H: influence of the hidden ones on them, ``(..., blocks, d1, d2)``.
        F: propagator of the hidden variables, ``(..., blocks, d2, d2)``.
        c: their drift, ``(..., blocks, d2)``.
        S1: loadings of the noise of the resolved variables, ``(..., blocks, d1, k)``.
        S2: loadings of the same noise in the hidden ones, ``(..., blocks, d2, k)``.
    """

    f: Tensor
    H: Tensor
    F: Tensor
    c: Tensor
    S1: Tensor
    S2: Tensor


class Climate(NamedTuple):
    """Climatology of a setting, one number per field, in the units of the equations.

    Attributes:
        mean: means.
        std: standard deviations.
        extreme: 95 % quantiles.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    extreme: tuple[float, ...]


def euler_maruyama(
    dt: float, A0: Tensor, A1: Tensor, a0: Tensor, a1: Tensor, S1: Tensor, S2: Tensor
) -> Coefficients:
    """Coefficients of a time step of Euler and Maruyama of the continuous equations.

    Args:
        dt: time step.
        A0: ``(..., blocks, d1)``.
        A1: ``(..., blocks, d1, d2)``.
        a0: ``(..., blocks, d2)``.
        a1: ``(..., blocks, d2, d2)``.
        S1: ``(..., blocks, d1, k)``.
        S2: ``(..., blocks, d2, k)``.
    """
    one, root = torch.eye(a1.shape[-1], dtype=a1.dtype, device=a1.device), math.sqrt(dt)
    return Coefficients(A0 * dt, A1 * dt, one + a1 * dt, a0 * dt, S1 * root, S2 * root)


def independent_noise(
    like: Tensor, first: Sequence[float], second: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Loadings of independent noises of all variables, ``(d1, k)`` and ``(d2, k)``, k = d1 + d2.

    Args:
        like: tensor of the type wanted.
        first: amplitudes of the resolved variables, d1 of them.
        second: those of the hidden ones, d2 of them.
    """
    every = constant(like, (*first, *second)).diag()
    return every[: len(first)], every[len(first) :]


def constant(like: Tensor, values: Any) -> Tensor:
    """A tensor of constant values, which is made once for every type and device.

    Args:
        like: tensor of the type wanted.
        values: numbers, in nested tuples.
    """
    return _constant(values, like.dtype, like.device)


@lru_cache(maxsize=256)
def _constant(values: Any, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)


@dataclass(frozen=True, kw_only=True)
class ConditionalGaussian(InTimeSteps):
    """Conditional Gaussian system, the first ``resolved`` fields of which are u. A subclass writes
    :meth:`coefficients`.

    Attributes:
        by_cell: true if the hidden variables of a cell act on the resolved ones of that cell alone:
            then every cell is a block, whose hidden variables are independent of the others given
            the path. Else there is one block.

    Raises:
        InputError: if a parameter is out of bounds, or ``dt`` does not divide ``interval``.
    """

    by_cell: ClassVar[bool] = False
    linear = False

    @property
    @abstractmethod
    def climate(self) -> Climate:
        """Climatology, which defines the normalisation."""

    @property
    def offset(self) -> Tensor:
        return torch.tensor(self.climate.mean, dtype=torch.float64)[:, None, None]

    @property
    def scale(self) -> Tensor:
        return torch.tensor(self.climate.std, dtype=torch.float64)[:, None, None]

    @property
    def extremes(self) -> Tensor:
        """95 % quantiles of the climate, normalised, ``(lev, 1, 1)``, float64."""
        quantiles = torch.tensor(self.climate.extreme, dtype=torch.float64)[:, None, None]
        return self.normalised(quantiles)

    @property
    @abstractmethod
    def resolved(self) -> int:
        """Number of the fields that are resolved, which come first."""

    @abstractmethod
    def coefficients(self, u: Tensor, hidden: Gaussian | None = None) -> Coefficients:
        """Law of a time step, in the variables of the equations.

        Args:
            u: resolved variables ``(..., blocks, d1)``.
            hidden: law of the hidden ones, for approximate models whose coefficients depend on it.
        """

    def climate_of_hidden(self, u: Tensor) -> Gaussian | None:
        """Law of the hidden variables in the climate given the resolved ones, where it is known.

        Args:
            u: resolved variables ``(..., blocks, d1)``, in the variables of the equations.
        """
        return None

    def split(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Resolved and hidden variables of states in the variables of the equations.

        Args:
            q: ``(..., lev, y, x)``.

        Returns:
            ``(..., blocks, d1)`` and ``(..., blocks, d2)``.
        """
        cells = q.flatten(-2)  # (..., lev, cells)
        parts = cells[..., : self.resolved, :], cells[..., self.resolved :, :]
        if self.by_cell:
            return parts[0].mT, parts[1].mT
        return parts[0].flatten(-2).unsqueeze(-2), parts[1].flatten(-2).unsqueeze(-2)

    def join(self, u: Tensor, v: Tensor) -> Tensor:
        """States of resolved and hidden variables: the inverse of :meth:`split`."""
        lev, *grid = self.shape
        if self.by_cell:
            return torch.cat([u, v], -1).mT.unflatten(-1, grid)
        parts = (
            part.squeeze(-2).unflatten(-1, (fields, *grid))
            for part, fields in ((u, self.resolved), (v, lev - self.resolved))
        )
        return torch.cat(list(parts), -3)

    def advance(self, q: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
        u, v = self.split(q)
        for _ in range(steps):
            check_interruption()
            u, v = self.advance_once(u, v, generator)
        return self.join(u, v)

    def advance_once(
        self, u: Tensor, v: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Resolved and hidden variables a time step later, same shapes; without a generator there
        is no noise.
        """
        law = self.coefficients(u)
        ahead_u, ahead_v = u + law.f + apply(law.H, v), apply(law.F, v) + law.c
        if generator is None:
            return ahead_u, ahead_v
        noise = torch.randn(
            *u.shape[:-1], law.S1.shape[-1], generator=generator, dtype=torch.float64
        ).to(u)
        return ahead_u + apply(law.S1, noise), ahead_v + apply(law.S2, noise)


def apply(matrix: Tensor, vectors: Tensor) -> Tensor:
    """Products of matrices ``(..., n, m)`` with vectors ``(..., m)``, ``(..., n)``."""
    if matrix.ndim == 2:  # one matrix for all: a single product
        return vectors @ matrix.mT
    if matrix.shape[-2] == 1:  # quicker than many small products
        return (matrix.squeeze(-2) * vectors).sum(-1, keepdim=True)
    return (matrix @ vectors.unsqueeze(-1)).squeeze(-1)
