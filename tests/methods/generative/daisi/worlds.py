"""Scalar and Gaussian problems of single states, and the moments of an analysis without draws."""

from __future__ import annotations

import torch
from torch import Tensor

from dalab.methods import Problem
from dalab.methods.generative.daisi.method import DAISI
from dalab.observations import OPERATORS, network
from dalab.priors import GaussianPrior, Prior, SpectralCovariance
from dalab.priors.covariance import estimate
from tests.methods.worlds import Advection, ScalarPrior


class Grid(Advection):
    """A system of two levels on 4 x 4 cells."""

    shape = (2, 4, 4)


class Number(Advection):
    """A system of one number."""

    shape = (1, 1, 1)
    offset = torch.zeros(1, 1, 1, dtype=torch.float64)
    scale = torch.ones(1, 1, 1, dtype=torch.float64)


class Mixture(Prior):
    """Two Gaussians of one number whose mean is zero.

    Args:
        apart: distance of their means.
        std: their standard deviation.
        share: probability of the upper one.
    """

    def __init__(self, apart: float, std: float, share: float) -> None:
        super().__init__("mixture", (1, 1, 1, 1))
        self.means = torch.tensor([-share * apart, (1 - share) * apart], dtype=torch.float64)
        self.shares = torch.tensor([1 - share, share], dtype=torch.float64)
        self.std = std

    def denoise(self, x, sigma):
        total = self.std**2 + sigma**2
        apart = x.unsqueeze(-1) - self.means
        weight = torch.softmax(self.shares.log() - apart.square() / (2 * total), -1)
        return (weight * (self.means + self.std**2 / total * apart)).sum(-1)

    @property
    def climatological_covariance(self):
        variance = self.std**2 + (self.shares * self.means**2).sum()
        return SpectralCovariance(variance.to(torch.complex128).view(1, 1, 1, 1), (1, 1, 1, 1))


def scalar(y: float, std: float, prior: Prior | None = None, operator: str = "identity") -> Problem:
    """One number observed with error; its prior is N(0, 2) unless another is given."""
    seen = network(OPERATORS[operator](Number()), noise=std).realise(steps=1)
    return Problem(Number(), prior or ScalarPrior(2.0), seen, torch.tensor([y]).double())


def gaussian() -> GaussianPrior:
    """A smooth, correlated Gaussian of states of two levels on 4 x 4 cells, float64."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(400, 1, 2, 4, 4, generator=generator, dtype=torch.float64)
    smooth = noise + 0.8 * torch.roll(noise, 1, -1) + 0.5 * torch.roll(noise, 1, -2).flip(-3)
    return GaussianPrior(estimate(smooth), (1, 2, 4, 4))


class Impulses:
    """Streams whose k-th draw is 1 for member 2 + k and 0 for all others."""

    def __init__(self, members: int) -> None:
        self.members, self.draws = members, 0

    def __len__(self) -> int:
        return self.members

    def normal(self, shape) -> Tensor:
        drawn = torch.zeros(self.members, *shape, dtype=torch.float64)
        drawn[2 + self.draws] = 1.0
        self.draws += 1
        return drawn


def moments(method: DAISI, problem: Problem, mean: float, variance: float) -> tuple[float, float]:
    """Mean and variance of the analysis of a scalar Gaussian forecast, from the method's own steps.

    All of them are affine in the forecast and in every random number: member 0 gives the constant,
    member 1 the factor of the forecast, and each of the others that of one random number.
    """
    method = method.prepare(problem)
    members = 3 + method.steps + method.inversion_steps
    x = torch.zeros(members, 1, 1, 1, dtype=torch.float64)
    x[1] = 1.0
    found = method.assimilate({"ensemble": x}, problem, Impulses(members))["ensemble"].flatten()
    slopes = found[1:] - found[0]
    own, noise = slopes[0], slopes[1:].square().sum()
    return float(found[0] + own * mean), float(own**2 * variance + noise)


def euler(
    m, v, *, s2, R, y, t_min, epsilon, inversion_epsilon, steps, start="invert"
) -> tuple[Tensor, Tensor]:
    """Moments after Euler steps, written out for directions with climatological variances ``s2``.

    From the drift coefficients of the inversion, (t s2 - (1 - t) + e) / V, and of the generation,
    (t s2 - (1 - t) - e) / V - (a + e) k J with the constant (a + e) k y, where a = (1 - t) / t,
    J = t s2 / V and k = J / (R + (1 - t)^2 / t J).
    """
    m, v, s2, y = (torch.as_tensor(value, dtype=torch.float64) for value in (m, v, s2, y))
    h = (1 - t_min) / steps
    if start == "invert":
        for i in range(steps):
            t = 1 - i * h
            e = inversion_epsilon * (1 - t)
            c = 1 - h * (t * s2 - (1 - t) + e) / ((1 - t) ** 2 + t**2 * s2)
            m, v = c * m, c**2 * v + 2 * h * e
    elif start == "sdedit":
        m, v = t_min * m, t_min**2 * v + (1 - t_min) ** 2
    else:
        m, v, t_min, h = 0 * m, torch.ones_like(v), 0.0, 1 / steps
    for i in range(steps):
        t = t_min + i * h
        e, V = epsilon * (1 - t), (1 - t) ** 2 + t**2 * s2
        c, d = (t * s2 - (1 - t) - e) / V, 0.0
        if t > 0:
            a, J = (1 - t) / t, t * s2 / V
            k = J / (R + (1 - t) ** 2 / t * J)
            c, d = c - (a + e) * k * J, (a + e) * k
        m, v = m + h * (c * m + d * y), (1 + h * c) ** 2 * v + 2 * h * e
    return m, v
