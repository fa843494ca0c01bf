"""One step with an exact answer: x1 = x0 + N(0, 1) from x0 = 0, observed with error 1.

The posterior of x1 is N(y/2, 1/2). Prints, for every method, the divergence KL(N(m, v) || exact)
of the normal law with the mean m and the variance v of its samples, averaged over data y of the
model, with its standard error. Exact sampling has 1/N with N samples. Published, with 4096
samples: guided flows with the full covariance 0.0009 to 0.0016, EnKF with 1000 members 0.0012,
OT-ODE 0.0021, particle filter 0.0030, SDA 0.019, FlowDAS 0.080.

    python benchmarks/one_step.py [DATA]
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import Tensor

from dalab.methods import METHODS, Problem
from dalab.observations import OPERATORS, network
from dalab.priors import GaussianPrior
from dalab.random import TimeStreams, stream
from dalab.systems import System

FILTERS = (
    "enkf:members=1000,inflation=1,localisation=0", "etkf:members=1000,inflation=1",
    "pf:members=1000", "pf:members=4096",
    "ensf:score=conditional,members=4096", "ensf:score=mixture,members=1000", "ensf:members=4096",
    "ensf:members=4096,epsilon_alpha=0.001,epsilon_beta=0.001",
    "enff:coupling=ot,members=1000,steps=99,guidance=0.5",
    "enff:coupling=ot,members=1000,steps=99,guidance=1",
    "enff:members=1000,steps=99,guidance=0.5", "enff:members=1000,steps=99,guidance=1",
)
SAMPLERS = ("spectral", "sda", "mmps", "pgdm")
SIDE = 64
"""Samplers draw a field of independent numbers, 64 x 64 of them."""


class Walk(System):
    """Independent numbers that take a normal step in every interval."""

    name, dims, units, interval = "walk", ("lev", "y", "x"), "1", 1.0
    offset = torch.zeros(1, 1, 1, dtype=torch.float64)
    scale = torch.ones(1, 1, 1, dtype=torch.float64)
    symbol = "x"

    def __init__(self, side: int = 1) -> None:
        self.shape = (1, side, side)

    def step(
        self, x: Tensor, n: int = 1, generator: torch.Generator | None = None
    ) -> Tensor:
        """States some intervals later."""
        return x + n**0.5 * torch.randn(x.shape, generator=generator, dtype=x.dtype)


def filtered(text: str, y: Tensor) -> Tensor:
    """Samples of a filter for every datum, ``(data, N)``."""
    system, generator = Walk(), stream(0, text)
    net = network(OPERATORS["identity"](system), noise=1.0).realise(steps=1)
    problem = Problem(system, None, net, y[:, None], cycled=True)  # type: ignore[arg-type]
    method = METHODS.make(text).prepare(problem)
    start = torch.zeros(len(y), method.members, 1, 1, 1, dtype=torch.float64)
    streams = TimeStreams(generator, method.members, dtype=torch.float64)
    with torch.no_grad():
        state = method.forecast(method.begin(start, problem), problem, 1, generator)
        return method.estimate(method.assimilate(state, problem, streams), streams).flatten(1)


def sampled(text: str, y: Tensor) -> Tensor:
    """Samples of a method of windows for every datum, ``(data, N)``."""
    system = Walk(SIDE)
    net = network(OPERATORS["identity"](system), noise=1.0).realise(steps=1)
    white = torch.ones(SIDE, SIDE // 2 + 1, 1, 1, dtype=torch.complex128)
    prior, found = GaussianPrior(white, (1, 1, SIDE, SIDE)), []
    for number, datum in enumerate(y):
        data = datum.expand(net.size).clone()
        *_, last = METHODS.make(text).run(
            Problem(system, prior, net, data), 1, stream(number, text)
        )
        found.append(last.estimate.flatten())
    return torch.stack(found)


def divergence(samples: Tensor, y: Tensor) -> Tensor:
    """KL divergence of the normal law of samples ``(data, N)`` from the exact posterior."""
    m, v = samples.double().mean(-1), samples.double().var(-1)
    return (v / 0.5 + (m - y / 2).square() / 0.5 - 1 - (v / 0.5).log()) / 2


def show(texts: tuple[str, ...], draw: Callable[[str, Tensor], Tensor], y: Tensor) -> None:
    for text in texts:
        samples = draw(text, y)
        kl = divergence(samples, y)
        error = float(kl.std() / len(y) ** 0.5)
        variance = float(samples.double().var(-1).mean())
        print(f"{text:62}{samples.shape[1]:6}{float(kl.mean()):10.4f} +- {error:.4f}"
              f"  variance {variance:.3f}", flush=True)


def main(data: int = 20) -> None:
    y = 2**0.5 * torch.randn(data, generator=stream(0, "data"), dtype=torch.float64)
    print(f"{'method':62}{'N':>6}{'KL':>10}      (exact variance 0.5)")
    show(FILTERS, filtered, y)
    show(SAMPLERS, sampled, y)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
