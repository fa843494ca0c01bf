"""Small problems with exact answers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from dalab.methods import Background, Problem
from dalab.observations import MASKS, OPERATORS, network
from dalab.options import build
from dalab.priors.base import Prior
from dalab.priors.covariance import SpectralCovariance
from dalab.priors.denoisers.augmented import AugmentedPrior, Channels, gaussian_augmented
from dalab.random import stream
from dalab.systems import System
from dalab.systems.conditional_gaussian.base import (
    Climate,
    Coefficients,
    ConditionalGaussian,
    euler_maruyama,
    independent_noise,
)


class Advection(System):
    """A linear system: the state moves one cell in x and loses a little at every step."""

    name, dims, units, interval = "advection", ("lev", "y", "x"), "1", 86400.0
    shape = (2, 8, 8)
    offset = torch.zeros(2, 1, 1, dtype=torch.float64)
    scale = torch.ones(2, 1, 1, dtype=torch.float64)
    time_unit, symbol, quantity = "s", "x", "tracer"
    damping = 0.9

    def step(self, x: Tensor, n: int = 1, generator=None) -> Tensor:
        return self.damping**n * torch.roll(x, n, -1)

    def trajectory(self, x: Tensor, length: int) -> Tensor:
        return torch.stack([self.step(x, k) for k in range(length)], dim=-4)


@dataclass(frozen=True, kw_only=True)
class Cells(ConditionalGaussian):
    """A linear conditional Gaussian system: two fields, whose cells know nothing of each other."""

    name: str = "cells"
    dt: float = 0.1
    interval: float = 0.1
    resolved, by_cell = 1, True
    shape = (2, 8, 8)
    climate = Climate((0.0, 0.0), (1.0, 1.0), (1.64, 1.64))

    def coefficients(self, u: Tensor, hidden=None) -> Coefficients:
        noise = independent_noise(u, torch.tensor([0.3]), torch.tensor([0.3]))
        one = u.new_ones(1, 1)
        return euler_maruyama(self.dt, -u, one, 0 * u, -one, *noise)


class ScalarPrior(Prior):
    """N(0, c) for a window of one number, written as a 1 x 1 grid."""

    def __init__(self, c: float) -> None:
        super().__init__("scalar", (1, 1, 1, 1))
        self.c = c

    def denoise(self, x, sigma):
        return self.c / (self.c + sigma**2) * x

    def error_covariance(self, sigma):
        return self._covariance(self.c * sigma**2 / (self.c + sigma**2))

    @property
    def climatological_covariance(self):
        return self._covariance(self.c)

    def _covariance(self, variance):
        return SpectralCovariance(
            torch.full((1, 1, 1, 1), float(variance), dtype=torch.complex128), (1, 1, 1, 1)
        )


def problem(
    system, prior, operators=("identity",), mask="random:0.4", background=None, std=0.3, seed=0
) -> Problem:
    """A problem whose truth is a draw of the prior, float64."""
    steps, _, *grid = prior.window
    normal = torch.randn(prior.window, generator=stream(seed, "truth"), dtype=torch.float64)
    truth = prior.climatological_covariance.sample(normal)
    pattern = build("mask", mask, MASKS)
    masks = [pattern.cells(steps, grid, stream(seed, i)) for i in range(len(operators))]
    net = network(*[OPERATORS[name](system) for name in operators], mask=masks, noise=std).realise()
    data = net.observe(truth, lambda i: stream(seed, "noise", i))
    if background is not None:
        noise = torch.randn(truth[0].shape, generator=stream(seed, "b"), dtype=torch.float64)
        background = Background(truth[0] + background * noise, background)
    return Problem(system, prior, net, data, background)


class CellwisePrior(Prior):
    """N(0, C) over the channels of every cell, the cells independent.

    Args:
        C: covariance of the channels, the state's one first.
        n: cells along each side.
    """

    def __init__(self, C: Tensor, n: int) -> None:
        super().__init__("cellwise", (1, len(C), n, n))
        self.C = C.double()

    def denoise(self, x, sigma):
        gain = self.C @ torch.linalg.inv(self.C + sigma**2 * torch.eye(len(self.C)).to(self.C))
        return (x.movedim(-3, -1) @ gain.T).movedim(-1, -3)

    def error_covariance(self, sigma):
        raise NotImplementedError

    @property
    def climatological_covariance(self):
        n = self.window[-1]
        matrices = self.C.to(torch.complex128).expand(n, n // 2 + 1, -1, -1)
        return SpectralCovariance(matrices, self.window)


def white(c: float, n: int = 64, background: float | None = None, copies: int = 0) -> Problem:
    """Independent numbers N(0, c), each observed with error 0.1: as many scalar problems.

    Args:
        c: variance of a number.
        n: side of the grid that they are written on.
        background: standard deviation of the error of a background, if there is one.
        copies: channels of an augmented window beside the state, equal to it.
    """
    system = Advection()
    system.shape = (1, n, n)
    prior = CellwisePrior(torch.full((1, 1), c), n)
    made = problem(system, prior, mask="full", std=0.1, background=background)
    channels = Channels(1, ("identity",)[:copies], (copies,)[:copies])
    joint = CellwisePrior(torch.full((1 + copies, 1 + copies), c), n)
    return replace(made, augmented=AugmentedPrior(joint, channels))


def augmented(problem: Problem) -> Problem:
    """The same problem with the exact covariance of its augmented windows."""
    operators = [i.operator for i in problem.network.instruments]
    known = [o for o in operators if type(o).__name__ != "Identity"]
    return replace(problem, augmented=gaussian_augmented(problem.prior, known))


def with_climate(system, prior):
    """The same system, whose climate is that of a prior."""

    class Drawn(type(system)):
        independent_climate = True

        def sample_climate(self, count, generator):
            normal = torch.randn(count, *prior.window, generator=generator, dtype=torch.float64)
            return prior.climatological_covariance.sample(normal)[:, 0]

    return Drawn(**{field.name: getattr(system, field.name) for field in fields(system)})


def last(method, problem, members, seed=0):
    """The final step of a run."""
    *_, final = method.run(problem, members, stream(seed))
    return final
