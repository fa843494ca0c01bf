r"""Cost function of variational assimilation, in a preconditioned control variable.

With x = x_b + L v, where L L^T = B, a model G from the state to the window and operators h,

.. math:: J(v) = \tfrac12 |v|^2 + \tfrac12 |R^{-1/2} (y - h(G(x_b + L v)))|^2 .

The Hessian of the first term is the identity, whatever B. Gradients come from reverse mode through
the solver, Gauss-Newton products from forward and reverse mode.

References:
    | Le Dimet and Talagrand (1986); Courtier, Thepaut and Hollingsworth (1994): incremental form
    | Bannister (2008): control-variable transforms
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...notes import note
from ...observations import ObservingNetwork
from ...priors.covariance import SpectralCovariance
from ..gaussian.cg import conjugate_gradients
from .lbfgs import Iterate, lbfgs

CHUNK = 32
"""Minimisations whose adjoint integration is held in memory at once."""


@dataclass(frozen=True)
class Variational:
    """Independent minimisations, one per member.

    Args:
        first_guess: x_b, ``(members, lev, y, x)``.
        covariance: B of one state.
        model: G, from states ``(k, lev, y, x)`` to windows ``(k, time, lev, y, x)``.
        network: network of the window.
        data: observations, one vector per member, ``(members, size)``.
    """

    first_guess: Tensor
    covariance: SpectralCovariance
    model: Callable[[Tensor], Tensor]
    network: ObservingNetwork
    data: Tensor

    @property
    def start(self) -> Tensor:
        """First guess in the control variable: zeros, ``(members, d)``, float64.

        The minimisers work in double precision; the model keeps that of the first guess.
        """
        return torch.zeros_like(self.first_guess, dtype=torch.float64).flatten(1)

    def state(self, v: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        """States x_b + L v of the members ``rows``."""
        normal = v.to(self.first_guess).unflatten(-1, self.first_guess.shape[1:])
        return self.first_guess[rows] + self.covariance.sample(normal[:, None])[:, 0]

    def window(self, v: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        """Windows ``(k, time, lev, y, x)`` of the members ``rows`` and their controls."""
        return self.model(self.state(v, rows))

    def residuals(self, v: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        """Data minus simulated data over the error std, ``(k, size)``, float64."""
        std = self.network.variance(like=self.data).sqrt()
        seen = self.network.apply(self.window(v, rows))
        return ((self.data[rows] - seen) / std).double()

    def value(self, v: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        """Cost J, ``(k,)``."""
        return (v.pow(2).sum(-1) + self.residuals(v, rows).pow(2).sum(-1)) / 2

    def value_and_gradient(self, v: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Cost J and its gradient ``(k, d)`` by the adjoint model."""
        pieces = zip(v.split(CHUNK), rows.split(CHUNK), strict=True)
        values, gradients = zip(*(self._adjoint(*piece) for piece in pieces), strict=True)
        return torch.cat(values), torch.cat(gradients)

    def _adjoint(self, v: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            v = v.detach().requires_grad_()
            value = self.value(v, rows)
            (gradient,) = torch.autograd.grad(value.sum(), v)
        return value.detach(), gradient

    def quasi_newton(self, iterations: int, start: Tensor | None = None) -> Iterator[Iterate]:
        """Minimise the full cost by L-BFGS, from ``start`` or from the first guess."""
        start = self.start if start is None else start
        return lbfgs(self.value_and_gradient, start, iterations, memory=20)

    def relative_gradient(self, found: Iterate) -> Tensor:
        """Size of the gradient, relative to that at the first guess, ``(members,)``.

        It is the relative residual of the equations if these are linear.
        """
        _, first = self.value_and_gradient(self.start, torch.arange(len(found.v)))
        size = first.norm(dim=-1).clamp(min=torch.finfo(first.dtype).tiny)
        return found.gradient.norm(dim=-1) / size

    def minimise(self, iterations: int) -> Iterate:
        """Minimise the full cost by L-BFGS, from the first guess to the last iterate."""
        for done, now in enumerate(self.quasi_newton(iterations), start=1):
            note(f"iteration {done} of {iterations}")
            final = now
        return final

    def gauss_newton(self, outer: int, inner: int, start: Tensor | None = None) -> Iterator[Tensor]:
        """Minimise a sequence of quadratic costs; yields control vectors, one per outer loop.

        The window is linearised about the last estimate, and the quadratic problem is solved by
        conjugate gradients with the tangent-linear and the adjoint model. A step that raises the
        full cost is halved, up to four times.
        """
        v = self.start if start is None else start
        for _ in range(outer):
            dv = self._quadratic(v, inner)
            v = self._shorten(v, dv)
            yield v

    def _quadratic(self, v: Tensor, inner: int) -> Tensor:
        residuals, pullback, *_ = torch.func.vjp(self.residuals, v)

        def hessian(u: Tensor) -> Tensor:
            return u + pullback(torch.func.jvp(self.residuals, (v,), (u,))[1])[0]

        downhill = -v - pullback(residuals)[0]
        return conjugate_gradients(
            hessian, downhill, preconditioner=torch.ones_like(v), iterations=inner
        )

    def _shorten(self, v: Tensor, dv: Tensor) -> Tensor:
        before = self.value(v)
        for _ in range(4):
            better = self.value(v + dv) <= before
            if better.all():
                break
            dv = torch.where(better[:, None], dv, dv / 2)
        return torch.where((self.value(v + dv) <= before)[:, None], v + dv, v)
