r"""Physical consistency of an estimate: model residual, energy, enstrophy.

The model residual of step k is the distance between the forecast from the estimate at k and
the estimate at k + 1,

.. math:: r_k = \sqrt{ \langle (M(x_k) - x_{k+1})^2 \rangle } ,

in normalised units. 0 is an exact trajectory; the mean of a filter jumps at every analysis.

The energy of two-layer flow, kinetic and available potential, and its potential enstrophy, per unit
area, with layer depths H_i / H, are

.. math::
    E = -\tfrac12 \sum_i \frac{H_i}{H} \langle \psi_i q_i \rangle , \qquad
    Z = \tfrac12 \sum_i \frac{H_i}{H} \langle q_i^2 \rangle .

Kolmogorov flow has the kinetic energy and the enstrophy of its vorticity,

.. math::
    E = \tfrac12 \langle u_x^2 + u_y^2 \rangle , \qquad Z = \tfrac12 \langle \omega^2 \rangle .

Surface quasi-geostrophic flow has the kinetic and available potential energy of the fluid between
its boundaries, per unit of mass, which is that of the two boundaries,

.. math:: E = \frac{f^2}{2 N^2 H} \langle \psi_1 q_1 - \psi_0 q_0 \rangle .

The energy of a Lorenz system is half the sum of the squares of its variables, for Lorenz-96 their
mean: its nonlinear terms conserve it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..fields import irfft, rfft
from ..systems import Kolmogorov, QGSystem, SurfaceQG, System
from ..systems.surface_qg.solver import Solver


def residual_steps(states: Tensor, system: System) -> Tensor:
    """Model residual of every step but the last, ``(time - 1,)``, pooled over leading axes.

    Args:
        states: normalised, ``(..., time, *system.shape)``.
        system: system whose forecast model is used.
    """
    ahead = system.step(states[..., :-1, :, :, :].double())
    error = ((ahead - states[..., 1:, :, :, :]) ** 2).mean((-3, -2, -1))
    return error.reshape(-1, error.shape[-1]).mean(0).sqrt()


def energy(states: Tensor, system: System) -> Tensor:
    """Energy of every state, ``(...)``: [m2/s2] of quasi-geostrophic flow, or a pure number.

    Args:
        states: normalised, ``(..., *system.shape)``.
        system: system of the states.
    """
    q = system.offset + system.scale * states.double()
    if isinstance(system, SurfaceQG):
        return _surface_energy(q / system.kelvin, system.solver)
    if not isinstance(system, QGSystem):
        return (q**2).sum(-3).mean((-2, -1)) / 2
    inversion = system.model.layers.inversion(system.model.grid).to(torch.complex128)
    psi = irfft(torch.einsum("ijlk,...jlk->...ilk", inversion, rfft(q)))
    return -(_depths(system) * (psi * q).mean((-2, -1))).sum(-1) / 2


def _surface_energy(q: Tensor, solver: Solver) -> Tensor:
    """Energy of q [m/s] at both boundaries, ``(..., 2, y, x)``."""
    psi = irfft(torch.einsum("ijlk,...jlk->...ilk", solver.inversion() + 0j, rfft(q)))
    lower, upper = (psi * q).mean((-2, -1)).unbind(-1)
    return (solver.f / solver.stability) ** 2 / (2 * solver.H) * (upper - lower)


def enstrophy(states: Tensor, system: System) -> Tensor | None:
    """Enstrophy of every state, ``(...)``; ``None`` for a system without.

    It is the potential enstrophy of two-layer flow [1/s2], that of the vorticity of Kolmogorov
    flow.

    Args:
        states: normalised, ``(..., *system.shape)``.
        system: system of the states.
    """
    q = system.scale * states.double()
    if isinstance(system, QGSystem):
        return (_depths(system) * (q**2).mean((-2, -1))).sum(-1) / 2
    if isinstance(system, Kolmogorov):
        return (irfft(system.solver.vorticity(q)) ** 2).mean((-2, -1)) / 2
    return None


def _depths(system: QGSystem) -> Tensor:
    """H_i / H of both layers."""
    delta = system.model.delta
    return torch.tensor([delta, 1.0], dtype=torch.float64) / (1 + delta)
