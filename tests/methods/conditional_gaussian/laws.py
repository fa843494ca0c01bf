"""Laws of time steps for tests: nonlinear, and dependent on the path of the resolved variables."""

from __future__ import annotations

import torch

from dalab.random import stream
from dalab.systems.conditional_gaussian.base import Coefficients, Gaussian

BLOCKS = 2


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=stream(seed), dtype=torch.float64)


def nonlinear(d1: int, d2: int, correlated: bool = True):
    """A law all coefficients of which depend on u, whose noises share columns or do not."""
    k = d1 + d2 + 1
    shapes = {"f": (d1,), "H": (d1, d2), "F": (d2, d2), "c": (d2,), "S1": (d1, k), "S2": (d2, k)}
    base = {name: normal(BLOCKS, *shape, seed=i) for i, (name, shape) in enumerate(shapes.items())}
    base["F"] *= 0.4
    slope = {name: 0.2 * normal(*value.shape, d1, seed=20) for name, value in base.items()}
    if not correlated:
        for part in (base, slope):
            part["S1"][:, :, d1:] = 0
            part["S2"][:, :, :d1] = 0

    def law(u: torch.Tensor, hidden: Gaussian | None = None) -> Coefficients:
        def at(name: str) -> torch.Tensor:
            varied = torch.einsum("b...i,bi->b...", slope[name], torch.tanh(u))
            return base[name] + varied

        return Coefficients(**{name: at(name) for name in shapes})

    return law


def start(d2: int) -> Gaussian:
    """A law of the hidden variables before the first step."""
    root = normal(BLOCKS, d2, d2, seed=30)
    return Gaussian(normal(BLOCKS, d2, seed=31), root @ root.mT + 0.1 * torch.eye(d2))


def path(d1: int, steps: int) -> list[torch.Tensor]:
    """Resolved variables at the steps and one more time, a random walk."""
    return list(normal(steps + 1, BLOCKS, d1, seed=32).cumsum(0))
