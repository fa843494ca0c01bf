r"""Statistical linearisation of an observing network.

About a Gaussian N(D, C) of the state the network is replaced by hbar + J (x - D) with an extra
error of variance Omega that stands for what the straight line misses. For an elementwise operator h
and the marginal variance v, with Gauss-Hermite nodes z_m and weights w_m,

.. math::
    \bar h = \sum_m w_m h(D + \sqrt v z_m), \quad
    J = \sum_m w_m z_m h(D + \sqrt v z_m) / \sqrt v, \quad
    \Omega = \sum_m w_m h^2 - \bar h^2 - J^2 v .

Where the operator saturates or folds inside the uncertainty, J shrinks and Omega grows: the
observation is trusted less until the uncertainty has come down. Linear operators are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ...observations import Instrument, ObservingNetwork
from ...observations.operators import Elementwise, Spectral
from ...priors.covariance import SpectralCovariance


@dataclass(frozen=True)
class Linearisation:
    """Network linearised about a Gaussian; shapes are ``(members, size)`` in observation space.

    Args:
        mean: expected observations, hbar.
        excess: variance Omega of what the linearisation misses.
        signal: variance of the linearised observations, the diagonal of J C J^T.
        forward: J applied to windows.
        adjoint: J^T applied to observation vectors.
    """

    mean: Tensor
    excess: Tensor
    signal: Tensor
    forward: Callable[[Tensor], Tensor]
    adjoint: Callable[[Tensor], Tensor]


def linearise(network: ObservingNetwork, mean: Tensor, cov: SpectralCovariance) -> Linearisation:
    """Linearise every instrument about N(mean, cov).

    Args:
        network: the observing network.
        mean: windows ``(members, time, lev, y, x)``.
        cov: their common covariance.
    """
    parts = [_linearise(i, mean, cov) for i in network.instruments]

    def adjoint(values: Tensor) -> Tensor:
        pieces = network.split(values)
        return torch.stack([p.adjoint(v) for p, v in zip(parts, pieces, strict=True)]).sum(0)

    return Linearisation(
        mean=torch.cat([p.mean for p in parts], dim=-1),
        excess=torch.cat([p.excess for p in parts], dim=-1),
        signal=torch.cat([p.signal for p in parts], dim=-1),
        forward=lambda x: torch.cat([p.forward(x) for p in parts], dim=-1),
        adjoint=adjoint,
    )


def _linearise(instrument: Instrument, mean: Tensor, cov: SpectralCovariance) -> Linearisation:
    operator = instrument.operator
    if isinstance(operator, Elementwise):
        return _linearise_elementwise(instrument, operator, mean, cov)
    if isinstance(operator, Spectral):
        return _linearise_spectral(instrument, operator, mean, cov)
    return _linearise_by_draws(instrument, mean, cov)


def _linearise_elementwise(
    instrument: Instrument, operator: Elementwise, mean: Tensor, cov: SpectralCovariance
) -> Linearisation:
    whole = cov.variance().expand(mean.shape[-4:])
    variance = instrument.take(whole)
    if operator.uniform:  # then the observed values are enough
        hbar, J, excess = moments(operator, instrument.take(mean), variance)
    else:
        hbar, J, excess = map(instrument.take, moments(operator, mean, whole))
    return Linearisation(
        mean=hbar,
        excess=excess,
        signal=J**2 * variance,
        forward=lambda x: J * instrument.take(x),
        adjoint=lambda v: instrument.put(J * v),
    )


def moments(operator: Elementwise, mean: Tensor, variance: Tensor) -> tuple[Tensor, ...]:
    """Moments hbar, J and Omega of an elementwise operator under N(mean, variance).

    J is taken as E[h(x) (x - mean)] / variance, equal to E[h'(x)] by Stein's identity: with a
    handful of nodes it stays accurate where h' is a narrow spike, and Omega cannot be negative.
    """
    nodes, weights = (t.to(mean) for t in _gauss_hermite(11))
    std = variance.sqrt()
    centre = operator(mean)
    first = second = slope = torch.zeros_like(mean)
    for z, w in zip(nodes, weights, strict=True):
        h = operator(mean + std * z) - centre
        first, second, slope = first + w * h, second + w * h**2, slope + w * z * h
    excess = torch.clamp(second - first**2 - slope**2, min=0.0)
    return centre + first, slope / std, excess


@lru_cache(maxsize=4)
def _gauss_hermite(points: int) -> tuple[Tensor, Tensor]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    return torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())


def _linearise_spectral(
    instrument: Instrument, operator: Spectral, mean: Tensor, cov: SpectralCovariance
) -> Linearisation:
    seen = instrument.take(operator(mean))
    transfer = operator.transfer().to(cov.matrices)
    signal = cov.observed_variance(transfer).expand(*mean.shape[-4:-3], -1, *mean.shape[-2:])
    return Linearisation(
        mean=seen,
        excess=torch.zeros_like(seen),
        signal=instrument.take(signal).expand_as(seen),
        forward=lambda x: instrument.take(operator(x)),
        adjoint=lambda v: operator.adjoint(instrument.put(v)),
    )


def _linearise_by_draws(
    instrument: Instrument, mean: Tensor, cov: SpectralCovariance, draws: int = 8
) -> Linearisation:
    """Tangent at the mean, with Omega and the signal from fixed draws of N(mean, cov)."""
    operator = instrument.operator
    tangent, pullback = _tangent(operator, mean)
    seen = instrument.take(operator(mean))
    deviations = _paired_draws(cov, mean, draws)
    values = torch.stack([instrument.take(operator(mean + d)) for d in deviations])
    linear = torch.stack([instrument.take(tangent(d.expand_as(mean))) for d in deviations])
    missed = values - seen - linear
    shift = missed.mean(0)
    return Linearisation(
        mean=seen + shift,
        excess=((missed - shift) ** 2).mean(0),
        signal=(linear**2).mean(0),
        forward=lambda x: instrument.take(tangent(x)),
        adjoint=lambda v: pullback(instrument.put(v)),
    )


def _paired_draws(cov: SpectralCovariance, mean: Tensor, draws: int) -> Tensor:
    """Draws of N(0, cov), ``(draws, time, lev, y, x)``, in pairs of opposite sign."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(draws // 2, *mean.shape[-4:], generator=generator).to(mean)
    half = cov.sample(normal)
    return torch.cat([half, -half])


def _tangent(
    operator: Callable[[Tensor], Tensor], at: Tensor
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Derivative of ``operator`` at a state, and its transpose.

    The derivative is the transpose of the transpose, so that neither evaluates the operator again.
    """
    value, vjp = torch.func.vjp(operator, at)[:2]

    def transposed(w: Tensor) -> Tensor:
        return vjp(w)[0]

    twice = torch.func.vjp(transposed, torch.zeros_like(value))[1]
    return (lambda v: twice(v)[0]), transposed
