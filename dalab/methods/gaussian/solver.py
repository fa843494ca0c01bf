r"""Gaussian windows given linear observations, with the covariance C of a table.

The increment w from the expected window to the posterior mean, and the dual vector a, the weighted
rest of the innovations d,

.. math::
    (C^{-1} + J^T E^{-1} J) \, w = J^T E^{-1} d , \qquad a = E^{-1} (d - J w) ,

E the variances of the rows, can be solved for windows (primal form) or, as (E + J C J^T) a = d with
w = C J^T a, for rows of observations (dual form). In the dual form the diagonal is a preconditioner
that tells well and badly observed values apart, which operators that act on single cells need. A
velocity needs another: its eigenvalues span many orders of magnitude, and dozens of dual iterations
leave a window that is worse than none. So where operators act on wavenumbers the primal form is
solved, preconditioned by C K: for the information G of such operators, averaged over all cells,
K = (I + G C)^{-1} makes a full network exact in one iteration. Every direction is carried together
with its product by C^{-1}, which therefore never has to be applied.

References:
    | Derber and Rosati, A global oceanic data assimilation system (1989): C as preconditioner
    | El Akkraoui et al., Intercomparison of the primal and dual formulations of variational data
      assimilation (2008): primal and dual form, and the effect of few iterations
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
class GaussianSolver:
    """Solver for windows given innovations.

    Args:
        known: the innovations, whose values are given at each solve.
        C: covariance of the windows.
        iterations: of conjugate gradients, at most.
        tolerance: relative residual at which the dual form stops; 0 for all iterations.
    """

    known: Innovations
    C: SpectralCovariance
    iterations: int
    tolerance: float = 0.0

    def solve(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Increment w and dual vector a for innovations ``(members, rows)``, member by member."""
        if self.K is not None:
            return self._solve_primal(values, self.K)
        rows = self._solve_dual(values)
        return self.C(self.known.adjoint(rows)), rows

    def increment(self, values: Tensor) -> Tensor:
        """Increment w, ``(members, time, lev, y, x)``."""
        return self.solve(values)[0]

    def dual(self, values: Tensor) -> Tensor:
        """Dual vector a, ``(members, rows)``."""
        if self.K is None:
            return self._solve_dual(values)
        return self._solve_primal(values, self.K)[1]

    def residual(self, values: Tensor, rows: Tensor) -> Tensor:
        """Norm of what a dual vector leaves of the innovations, over theirs, ``(members,)``."""
        weight = (self.known.error + self.known.signal).rsqrt()
        left = weight * (values - self._covariance(rows))
        return left.norm(dim=-1) / (weight * values).norm(dim=-1)

    def _covariance(self, a: Tensor) -> Tensor:
        return self.known.error * a + self.known.forward(self.C(self.known.adjoint(a)))

    @cached_property
    def K(self) -> Tensor | None:
        """K per wavenumber; ``None`` if no operator acts on wavenumbers."""
        if self.known.spectral_information is None:
            return None
        G = self.known.spectral_information.to(self.C.matrices.device)
        eye = torch.eye(G.shape[-1], dtype=G.dtype, device=G.device)
        return torch.linalg.inv(eye + G @ self.C.matrices.to(G)).to(self.C.matrices)

    def _solve_dual(self, values: Tensor) -> Tensor:
        return conjugate_gradients(
            self._covariance, values, iterations=self.iterations, tolerance=self.tolerance,
            preconditioner=1 / (self.known.error + self.known.signal),
        )

    def _solve_primal(self, values: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
        """Solve for flattened windows; a member stops once it has converged.

        The residual is computed from the rest of the innovations: updated step by step, it would
        keep the rounding errors of the first, which is far larger where the data are accurate.
        """
        known, left = self.known, values
        residual = known.pull(left).flatten(1)
        w = source = torch.zeros_like(residual)
        p, q = self._precondition(K, residual)
        size = first = dot(p, residual)
        alive = first > 0
        for _ in range(self.iterations):
            if not alive.any():
                break
            seen = known.forward(p.unflatten(1, self.C.window))
            step = torch.where(alive, size / (dot(p, q) + dot(seen, seen / known.error)), 0.0)
            w, source, left = w + step * p, source + step * q, left - step * seen
            residual = known.pull(left).flatten(1) - source
            z, s = self._precondition(K, residual)
            previous, size = size, dot(z, residual)
            alive = alive & (size > torch.finfo(size.dtype).eps ** 1.5 * first)
            turn = torch.where(alive, size / previous, 0.0)
            p, q = z + turn * p, s + turn * q
        return w.unflatten(1, self.C.window), left / known.error

    def _precondition(self, K: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        """Apply C K, and K alone, to flattened windows."""
        spectrum = to_spectrum(residual.unflatten(1, self.C.window))
        s = to_window(product(K, spectrum), self.C.window)
        return self.C(s).flatten(1), s.flatten(1)
