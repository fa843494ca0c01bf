"""Small problems with exact answers."""

from __future__ import annotations

import torch
from torch import Tensor

from dalab.methods import Background, Problem
from dalab.observations import MASKS, OPERATORS, network
from dalab.priors.base import Prior
from dalab.priors.spectral import SpectralCovariance
from dalab.random import stream
from dalab.registry import build


class Advection:
    """A linear system: the state moves one cell in x and loses a little at every step."""

    name, dims, units, interval = "advection", ("lev", "y", "x"), "1", 86400.0
    shape = (2, 8, 8)
    scale = torch.ones(2, 1, 1, dtype=torch.float64)
    damping = 0.9

    def step(self, x: Tensor, n: int = 1, generator=None) -> Tensor:
        return self.damping**n * torch.roll(x, n, -1)

    def trajectory(self, x: Tensor, length: int) -> Tensor:
        return torch.stack([self.step(x, k) for k in range(length)], dim=-4)


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
    def climatology(self):
        return self._covariance(self.c)

    def _covariance(self, variance):
        return SpectralCovariance(
            torch.full((1, 1, 1, 1), float(variance), dtype=torch.complex128), (1, 1)
        )


def problem(
    system, prior, operators=("identity",), mask="random:0.4", background=None, std=0.3, seed=0
) -> Problem:
    """A problem whose truth is a draw of the prior, float64."""
    steps, _, n, _ = prior.window
    normal = torch.randn(prior.window, generator=stream(seed, "truth"), dtype=torch.float64)
    truth = prior.climatology.sample(normal)
    masks = [
        build("mask", mask, MASKS).cells(steps, n, stream(seed, i)) for i in range(len(operators))
    ]
    net = network([OPERATORS[name](system) for name in operators], masks, std=std)
    data = net.observe(truth, lambda i: stream(seed, "noise", i))
    if background is not None:
        noise = torch.randn(truth[0].shape, generator=stream(seed, "b"), dtype=torch.float64)
        background = Background(truth[0] + background * noise, background)
    return Problem(system, prior, net, data, background)


def last(method, problem, members, seed=0):
    """The final step of a run."""
    *_, final = method.run(problem, members, stream(seed))
    return final
