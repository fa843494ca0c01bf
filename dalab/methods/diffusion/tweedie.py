r"""A window given data, with the covariance that the denoiser itself has about it.

By Tweedie's formula the covariance of a window given its noisy version x_s is V = s^2 dD/dx at x_s.
It moves with the flow, which a covariance per wavenumber cannot. With the data linearised about the
denoised window D,

.. math::
    (R + \Omega + J V J^T) \, a = y - \bar h , \qquad \hat x = D + V J^T a

is solved by flexible conjugate gradients. Each iteration costs one backpropagation through the
denoiser; the preconditioner is the whole solve with the tabulated covariance C_s in place of V
(:mod:`dalab.methods.gaussian.solver`), so that one or two iterations do. It may take the errors for
larger than they are: where C_s and V differ much, what is exact for C_s is too sharp for V.

References:
    | Rozet et al. (arXiv 2405.13712): the covariance by Tweedie's formula; there without
      preconditioner, and linearised without regard to the uncertainty of D
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..gaussian.cg import dot
from ..gaussian.innovations import Innovations, Map
from ..gaussian.solver import Tabulated

TINY = 1e-30

TRUST = 5.0
"""How much farther than the tabulated covariance the denoiser's own may move a window."""


def moved(
    known: Innovations, table: Tabulated, V: Map, iterations: int
) -> tuple[Tensor, Tensor]:
    """V J^T a, the way from D to the posterior mean, by flexible conjugate gradients.

    A network's Jacobian is a covariance only nearly. Where a direction has no variance, or the way
    would exceed :data:`TRUST` times that of C_s, a member keeps the way it had, at first that of
    C_s.

    Args:
        known: the innovations of D.
        table: how they are solved with C_s.
        V: the covariance of the window, applied to windows.
        iterations: each applies V once.

    Returns:
        The way, and that of C_s.
    """
    residual = known.values
    tabulated, z = table.solve(residual)
    way, reach = tabulated, TRUST * _length(tabulated)
    direction = before = slope = torch.zeros(())
    for k in range(iterations):
        if k > 0:
            z = table.rows(residual)
            z = z + dot(z, residual - before) / slope.clamp(min=TINY) * direction
        direction, before = z, residual
        slope = dot(direction, residual)
        pulled = V(known.adjoint(direction))
        seen = known.error * direction + known.forward(pulled)
        curvature = dot(direction, seen)
        step = slope / curvature.clamp(min=TINY)
        further = step[..., None, None, None] * pulled + (way if k else 0)
        kept = (curvature > 0) & (_length(further) <= reach)
        way = torch.where(kept[..., None, None, None], further, way)
        residual = torch.where(kept, residual - step * seen, 0.0)
    return way, tabulated


def _length(windows: Tensor) -> Tensor:
    return windows.flatten(1).norm(dim=1, keepdim=True)
