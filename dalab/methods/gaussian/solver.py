r"""Gaussian windows given linear observations, with the covariance C of a table.

The way w from what is expected to the posterior, and what it leaves of the innovations d,

.. math::
    (C^{-1} + J^T E^{-1} J) \, w = J^T E^{-1} d , \qquad a = E^{-1} (d - J w) ,

E the variances of the rows, can be solved for windows or, as (E + J C J^T) a = d with w = C J^T a,
for rows of observations. For rows the diagonal is a preconditioner that knows well and badly seen
values apart, which operators that act on single cells need. A velocity needs another: its
eigenvalues span many orders of magnitude, and dozens of iterations for rows leave a window that is
worse than none. So where operators act on wavenumbers, windows are solved for, with C K in front:
for the information G of such operators, as if spread over all cells, K = (I + G C)^{-1} makes a
full network exact in one iteration. Each direction brings its own C^{-1}, which nobody computes.

References:
    | Derber and Rosati, A global oceanic data assimilation system (1989): C as preconditioner
    | El Akkraoui et al., Intercomparison of the primal and dual formulations of variational data
      assimilation (2008): windows and rows, and what happens when the iterations end early
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ...priors.covariance import SpectralCovariance, product, to_spectrum, to_window
from .cg import conjugate_gradients, dot
from .innovations import Innovations


@dataclass(frozen=True)
class Tabulated:
    """Solves for windows given innovations.

    Args:
        known: what is observed, and how well.
        C: covariance of the windows.
        iterations: of conjugate gradients, at most.
    """

    known: Innovations
    C: SpectralCovariance
    iterations: int

    def solve(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """w and a for innovations ``(members, rows)``, each member by itself."""
        if self.K is not None:
            return self._windows(values, self.K)
        rows = self._rows(values)
        return self.C(self.known.adjoint(rows)), rows

    def way(self, values: Tensor) -> Tensor:
        """w alone, windows."""
        return self.solve(values)[0]

    def rows(self, values: Tensor) -> Tensor:
        """a alone, rows."""
        return self._rows(values) if self.K is None else self._windows(values, self.K)[1]

    @cached_property
    def K(self) -> Tensor | None:
        """K per wavenumber; ``None`` if no operator acts on wavenumbers."""
        if self.known.spread_out is None:
            return None
        G = self.known.spread_out.to(self.C.matrices.device)
        eye = torch.eye(G.shape[-1], dtype=G.dtype, device=G.device)
        return torch.linalg.inv(eye + G @ self.C.matrices.to(G)).to(self.C.matrices)

    def _rows(self, values: Tensor) -> Tensor:
        known, C = self.known, self.C
        return conjugate_gradients(
            lambda a: known.error * a + known.forward(C(known.adjoint(a))), values,
            preconditioner=1 / (known.error + known.signal), iterations=self.iterations,
        )

    def _windows(self, values: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
        """Windows are flat on the way; a member rests once it has converged.

        The residual is taken from what is left of the innovations: summed up step by step, it would
        keep the rounding errors of the first, which is far larger where the data are sharp.
        """
        known, left = self.known, values
        residual = known.pull(left).flatten(1)
        way = source = torch.zeros_like(residual)
        p, q = self._towards(K, residual)
        size = first = dot(p, residual)
        alive = first > 0
        for _ in range(self.iterations):
            if not alive.any():
                break
            seen = known.forward(p.unflatten(1, self.C.window))
            step = torch.where(alive, size / (dot(p, q) + dot(seen, seen / known.error)), 0.0)
            way, source, left = way + step * p, source + step * q, left - step * seen
            residual = known.pull(left).flatten(1) - source
            z, s = self._towards(K, residual)
            previous, size = size, dot(z, residual)
            alive = alive & (size > torch.finfo(size.dtype).eps ** 1.5 * first)
            turn = torch.where(alive, size / previous, 0.0)
            p, q = z + turn * p, s + turn * q
        return way.unflatten(1, self.C.window), left / known.error

    def _towards(self, K: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        """C K times flat windows, and K times them."""
        spectrum = to_spectrum(residual.unflatten(1, self.C.window))
        s = to_window(product(K, spectrum), self.C.window)
        return self.C(s).flatten(1), s.flatten(1)
