r"""Guidance by observations, shared by the diffusion methods.

With D = D(x_s, s) the denoised window and V = Cov[x | x_s], a linear-Gaussian likelihood has the
score

.. math::
    \nabla \log p(y \mid x_s) = J^T H'^T (R + H' V H'^T)^{-1} (y - H(D)), \qquad
    J = \partial D / \partial x_s = V / s^2 ,

and moves the posterior mean to D + s^2 times it. The methods differ in their approximation
of V, and some in J and in the point at which H is evaluated; everything else is here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from ...observations import Instrument
from ...observations.operators import Elementwise, Spectral
from ...priors.covariance import weights
from ..gaussian.cg import conjugate_gradients
from .stacked_observations import StackedObservations

Jacobian = Literal["denoiser", "identity", "network"]
Weigh = Callable[[Tensor, Tensor], Tensor]


def guidance(
    observations: StackedObservations,
    x: Tensor,
    s: float,
    weigh: Weigh,
    jacobian: Jacobian = "denoiser",
) -> tuple[Tensor, Tensor]:
    """Denoised windows D and the guidance J^T H'^T a at D, from one denoiser evaluation.

    Args:
        observations: observations and background.
        x: noisy windows ``(members, time, lev, y, x)`` at level ``s``.
        s: noise level.
        weigh: from the innovations y - H(D), ``(members, size)``, and D to the weights a, the
            innovations divided by their covariance, ``(members, size)``.
        jacobian: the matrix taken for J: that of the ``denoiser``; the ``identity``, which needs no
            backpropagation; or that of the denoiser less the identity, which is the rest
            when the ``network`` of a noise-predicting prior is differentiated and the noisy window
            that its noise is taken from is not.

    Returns:
        D and the guidance, both shaped like ``x``; the guidance is zero if nothing was measured.
    """
    prior = observations.problem.prior
    if observations.empty:
        return prior.denoise(x, s).detach(), torch.zeros_like(x)
    with torch.enable_grad():
        x = x.detach().requires_grad_(jacobian != "identity")
        clean = prior.denoise(x, s)
        clean = clean if clean.requires_grad else clean.detach().requires_grad_()
        seen = observations.apply(clean)
    a = weigh(observations.data - seen.detach(), clean.detach())
    return clean.detach(), _pull(seen, clean, x, a, jacobian)


def _pull(seen: Tensor, clean: Tensor, x: Tensor, a: Tensor, jacobian: Jacobian) -> Tensor:
    """Apply J^T H'^T to observation vectors."""
    if jacobian == "identity":
        return torch.autograd.grad(seen, clean, a)[0]
    if jacobian == "denoiser":
        return torch.autograd.grad(seen, x, a)[0]
    whole, identity = torch.autograd.grad(seen, (x, clean), a)
    return whole - identity


def isotropic_weights(
    observations: StackedObservations,
    at: Tensor,
    innovation: Tensor,
    variance: float,
    iterations: int,
) -> Tensor:
    """Solve (R + variance H' H'^T) a = innovation, H' being the derivative at ``at``.

    Conjugate gradients in observation space; the network is not evaluated. Instruments and
    background are solved for together, with their cross terms.

    Args:
        observations: observations and background.
        at: windows ``(members, time, lev, y, x)``.
        innovation: ``(members, size)``.
        variance: variance of every entry of the window, all independent.
        iterations: of conjugate gradients.
    """
    with torch.no_grad():
        pullback = torch.func.vjp(observations.apply, at)[1]

        def signal(a: Tensor) -> Tensor:
            return torch.func.jvp(observations.apply, (at,), (pullback(a)[0],))[1]

        def covariance(a: Tensor) -> Tensor:
            return observations.variance * a + variance * signal(a)

        diagonal = observations.variance + variance * _squared_gains(observations, at)
        return conjugate_gradients(
            covariance, innovation, iterations=iterations, preconditioner=1 / diagonal
        )


def _squared_gains(observations: StackedObservations, at: Tensor) -> Tensor:
    """Diagonal of H' H'^T, ``(members, size)``; ones for operators without a known one."""
    gains = [_gain(i, at).expand(len(at), -1) for i in observations.problem.network.instruments]
    rest = len(observations.data) - sum(gain.shape[-1] for gain in gains)  # the background
    return torch.cat([*gains, at.new_ones(len(at), rest)], dim=-1)


def _gain(instrument: Instrument, at: Tensor) -> Tensor:
    operator = instrument.operator
    if isinstance(operator, Elementwise):
        return operator.derivative(instrument.take(at)) ** 2
    if not isinstance(operator, Spectral):
        return at.new_ones(1, instrument.size)
    squared = operator.transfer().abs().square() * weights(at.shape[-1], at.new_zeros(1))
    channels = (squared.sum((1, 2, 3)) / at.shape[-2:].numel()).to(at)
    shape = (instrument.mask.shape[0], len(channels), *at.shape[-2:])
    return instrument.take(channels[:, None, None].expand(shape))[None]


def limit_push(push: Tensor, s: float) -> Tensor:
    """Scale down a move of the posterior mean so that no entry exceeds sqrt(1 + s^2).

    That bounds sigma^2 times the score by one in a variance-preserving process, as in the code
    released with SOAD; there over the whole batch, here for each member by itself.
    """
    largest = push.abs().amax(dim=tuple(range(1, push.ndim)), keepdim=True)
    return push * (math.sqrt(1 + s**2) / largest).clamp(max=1.0)
