"""Lorenz-96 by an LETKF with a symmetric root and with the one of the released code of EnSF.

That root, Q sqrt(L) for Q L Q^T, does not keep the mean of the members: it moves them at random.
Otherwise as published: 100 sites, arctan of all of them every 0.1 with noise 0.05, 20 members from
N(0, I), errors times exp(d^2 / 16) up to ten sites away, variances inflated by 1.1. Prints the RMSE
of analyses 101 to 150, published as 0.138, and as 8.6 with shocks.

    python benchmarks/letkf_roots.py [TRUTHS]
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from dalab.experiments.shocks import Shocks
from dalab.random import stream
from dalab.systems import SYSTEMS

N, NOISE, INFLATION, CYCLES, LAST = 20, 0.05, 1.1, 150, 50
KINDS = "0.005:0.5,0.01:0.2,0.02:0.05"
OFFSETS = torch.arange(-10, 11)


def analysis(x: Tensor, y: Tensor, symmetric: bool) -> Tensor:
    """Analysed members ``(truths, N, d)`` of forecasts and data ``(truths, d)``."""
    d = x.shape[-1]
    near, growth = (torch.arange(d)[:, None] + OFFSETS) % d, (OFFSETS.double() ** 2 / 16).exp()
    seen, mean = torch.atan(x), x.mean(1, keepdim=True)
    Y = (seen - seen.mean(1, keepdim=True))[:, :, near].permute(0, 2, 1, 3)
    innovation = (y - seen.mean(1))[:, near][:, :, None]
    C = Y / (NOISE**2 * growth)
    P = torch.linalg.inv((N - 1) / INFLATION * torch.eye(N).to(x) + C @ Y.mT)
    L, Q = torch.linalg.eigh((N - 1) * P)
    W = Q * L.clamp(min=0).sqrt()[..., None, :]
    W = (W @ Q.mT if symmetric else W) + innovation @ C.mT @ P
    return mean + (W @ (x - mean).permute(0, 2, 1)[..., None]).squeeze(-1).permute(0, 2, 1)


def run(symmetric: bool, shocks: Shocks, truths: int) -> Tensor:
    """RMSE of the last analyses, ``(truths,)``."""
    system, generator = SYSTEMS.make("lorenz96-ensf:interval=0.01"), stream(0, "roots")

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def advance(q: Tensor) -> Tensor:
        shape = q.shape
        states = system.normalised(q.reshape(-1, 1, 1, shape[-1]))
        return system.physical(system.step(states)).reshape(shape).clamp(-50, 50)

    truth = system.physical(system.sample_climate(truths, generator)).flatten(1)
    x, errors = normal(truths, N, truth.shape[-1]), []
    for _ in range(CYCLES):
        for sizes in shocks.sizes(10, truths, generator):
            q = advance(truth)[:, None, None]
            truth, x = shocks.jumped(q, sizes, generator).flatten(1), advance(x)
        y = torch.atan(truth) + NOISE * normal(*truth.shape)
        x = analysis(x, y, symmetric)
        errors.append((x.mean(1) - truth).square().mean(-1).sqrt())
    return torch.stack(errors[-LAST:]).mean(0)


def main(truths: int = 10) -> None:
    for kinds in ("", KINDS):
        for symmetric in (False, True):
            found = run(symmetric, Shocks.of(kinds), truths)
            root = "symmetric" if symmetric else "released"
            error = float(found.std() / truths**0.5)
            print(f"shocks {kinds or 'none':30} {root:10} {float(found.mean()):.3f} +- {error:.3f}"
                  f"  median {float(found.median()):.3f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
