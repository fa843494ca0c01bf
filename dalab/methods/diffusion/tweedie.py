r"""Posterior mean of a window with the denoiser's own covariance, by Tweedie's formula.

By Tweedie's formula the covariance of a window given its noisy version x_s is V = s^2 dD/dx at x_s.
It moves with the flow, which a covariance per wavenumber cannot. With the data linearised about the
denoised window D,

.. math::
    (R + \Omega + J V J^T) \, a = y - \bar h , \qquad \hat x = D + V J^T a

is solved by flexible conjugate gradients. Each iteration costs one backpropagation through the
denoiser; the preconditioner is the whole solve with the tabulated covariance C_s in place of V
(:mod:`dalab.methods.gaussian.solver`), so that one or two iterations suffice. Its errors may be
inflated: where C_s and V differ much, the exact solution for C_s is too sharp for V.

References:
    | Rozet et al. (arXiv 2405.13712): the covariance by Tweedie's formula; there without
      preconditioner, and with a tangent at D instead of the statistical linearisation
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..gaussian.cg import dot
from ..gaussian.innovations import Innovations, Map
from ..gaussian.solver import GaussianSolver

TINY = 1e-30

TRUST = 5.0
"""Largest ratio of the increment with the denoiser's own covariance to the tabulated one."""


def tweedie_increment(
    known: Innovations, table: GaussianSolver, V: Map, iterations: int
) -> tuple[Tensor, Tensor]:
    """Increment V J^T a from D to the posterior mean, by flexible conjugate gradients.

    A network's Jacobian is a covariance only nearly. Where a direction has no variance, or the
    increment would exceed :data:`TRUST` times that of C_s, a member keeps the increment it had, at
    first that of C_s.

    Args:
        known: the innovations of D.
        table: the solver with C_s.
        V: the covariance of the window, applied to windows.
        iterations: number of iterations, each of which applies V once.

    Returns:
        The increment with V and that with C_s, both ``(members, time, lev, y, x)``.
    """
    residual = known.values
    tabulated, z = table.solve(residual)
    increment, reach = tabulated, TRUST * _length(tabulated)
    direction = before = slope = torch.zeros(())
    for k in range(iterations):
        if k > 0:
            z = table.dual(residual)
            z = z + dot(z, residual - before) / slope.clamp(min=TINY) * direction
        direction, before = z, residual
        slope = dot(direction, residual)
        pulled = V(known.adjoint(direction))
        seen = known.error * direction + known.forward(pulled)
        curvature = dot(direction, seen)
        step = slope / curvature.clamp(min=TINY)
        further = step[..., None, None, None] * pulled + (increment if k else 0)
        kept = (curvature > 0) & (_length(further) <= reach)
        increment = torch.where(kept[..., None, None, None], further, increment)
        residual = torch.where(kept, residual - step * seen, 0.0)
    return increment, tabulated


def _length(windows: Tensor) -> Tensor:
    return windows.flatten(1).norm(dim=1, keepdim=True)
