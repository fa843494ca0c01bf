"""Omega and its rivals on conditional Gaussian systems: distances from the exact posterior.

    python benchmarks/omega.py                 # all systems
    python benchmarks/omega.py dyad spekf

The posterior is that of `rbpf` with 2000 particles, which sees the same observations of all truths.
Every other method has 100 members. KL is the divergence of the densities of single variables from
those of the posterior, their mean; a filter without a density of its own has that of the Gaussian
with the moments of its members. W1 is the Wasserstein distance of the members, in climatological
standard deviations, of which a tenth or so is that of any 100 draws. The CRPS is that of the truth.
`enkf` and `etkf` have the inflation that is best on other truths, by CRPS. Differences are those
from `omega`, paired over the truths, with their standard errors; t is their ratio.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from dalab.methods import METHODS, Filter, Problem
from dalab.methods.filtering import State
from dalab.methods.generative.omega.residual.stored import residual_names
from dalab.observations import OPERATORS, network
from dalab.random import TimeStreams, stream
from dalab.systems import SYSTEMS, System

TRUTHS, CYCLES, BURN_IN, MEMBERS, PARTICLES = 10, 80, 20, 100, 2000
SETTINGS = {
    "dyad": ("resolved", 0.566), "spekf": ("resolved", 0.671), "triad": ("component", 0.2),
    "lorenz63-noisy": ("resolved", 0.2427), "lorenz84-noisy": ("resolved", 0.319),
    "topographic:interval=1": ("resolved", 0.25),
}
"""Operator of every system, and the noise in climatological standard deviations."""

SHOWN = ("omega", "omega:baseline=gaussian", "rbpf:members=100")
RESIDUAL = "omega:network=auto,levels=8,steps=10,rate=0.2"
INFLATIONS = (1.0, 1.05)
GRID = torch.linspace(-8, 8, 401, dtype=torch.float64)


class Analysis(NamedTuple):
    """Analyses of one cycle.

    Attributes:
        densities: of every variable on :data:`GRID`, ``(truths, variables, G)``.
        draws: in order, ``(truths, variables, N)``.
        truth: ``(truths, variables)``.
    """

    densities: Tensor
    draws: Tensor
    truth: Tensor


def run(text: str, name: str, seed: int, members: int = MEMBERS) -> list[Analysis]:
    """Analyses of a method after the burn-in, on the truths of a seed."""
    system = SYSTEMS.make(name)
    operator, noise = SETTINGS[name]
    net = network(OPERATORS.make(operator, system), noise=noise).realise(system, 1)
    source, own = stream(seed, "truth"), stream(seed, text)
    problem = Problem(system, None, net, torch.zeros(net.size, dtype=torch.float64))
    method: Filter = METHODS.make(text).prepare(problem)
    truth, pool = (system.sample_climate(n, source) for n in (TRUTHS, 1000))
    chosen = torch.randint(1000, (TRUTHS, members), generator=own)
    state, found = method.begin(pool[chosen], problem), []
    std = net.variance(like=truth).sqrt()
    for cycle in range(CYCLES):
        truth = system.step(truth, 1, source)
        clean = net.apply(truth.unsqueeze(-4))
        data = clean + std * torch.randn(clean.shape, generator=source, dtype=torch.float64)
        state = method.forecast(state, problem, 1, own)
        streams = TimeStreams(own, members, dtype=torch.float64)
        state = method.assimilate(state, replace(problem, data=data), streams)
        if cycle >= BURN_IN:
            draws = method.estimate(state, streams).flatten(-3).mT.sort(-1).values
            found.append(Analysis(densities(method, state, system), draws, truth.flatten(-3)))
    return found


def densities(method: Filter, state: State, system: System) -> Tensor:
    """Densities of all variables, ``(truths, variables, G)``."""
    x = state["ensemble"].flatten(-3)
    mean, std = x.mean(-2)[..., None], x.std(-2)[..., None]
    gaussian = torch.exp(-((GRID - mean) / std).square() / 2) / (std * math.sqrt(2 * math.pi))
    own = [method.marginal(state, k, GRID) for k in range(x.shape[-1])]
    return gaussian if own[0] is None else torch.stack(own, -2)


def scores(found: list[Analysis], exact: list[Analysis]) -> list[Tensor]:
    """KL, W1 and CRPS of every truth."""
    step, rows = float(GRID[1] - GRID[0]), []
    for mine, best in zip(found, exact, strict=True):
        p, q = (one.densities.clamp(min=1e-12) for one in (best, mine))
        kl = (p * (p / q).log()).sum(-1) * step
        N = mine.draws.shape[-1]
        levels = (torch.arange(N, dtype=torch.float64) + 0.5) / N
        w1 = (mine.draws - torch.quantile(best.draws, levels, dim=-1).movedim(0, -1)).abs()
        rank = 2 * torch.arange(1, N + 1) - N - 1
        apart = (rank * mine.draws).sum(-1) / (N * (N - 1))
        crps = (mine.draws - mine.truth[..., None]).abs().mean(-1) - apart
        rows.append(torch.stack([kl.mean(-1), w1.mean((-2, -1)), crps.mean(-1)]))
    return list(torch.stack(rows).mean(0))


def tuned(rival: str, name: str) -> str:
    """An ensemble Kalman filter with the inflation that is best on other truths."""
    texts = [f"{rival}:members={MEMBERS},inflation={f:g}" for f in INFLATIONS]

    def crps(text: str) -> float:
        found = run(text, name, 99)
        return float(scores(found, found)[2].mean())

    return min(texts, key=crps)


def compare(name: str) -> None:
    """Print the scores of all methods on a system."""
    interval, (operator, noise) = SYSTEMS.make(name).interval, SETTINGS[name]
    print(f"\n{name}: {operator} every {interval:g}, noise {noise:g}\n")
    exact = run(f"rbpf:members={PARTICLES}", name, 1, PARTICLES)
    print(f"exact CRPS {float(scores(exact, exact)[2].mean()):.4f}")
    columns = "".join(f"{c:>7} {'difference':>18} {'t':>5}" for c in ("KL", "W1", "CRPS"))
    print(f"{'method':46}{columns}", flush=True)
    first = None
    learnt = [RESIDUAL] if f"omega-{name}" in residual_names() else []
    for text in (*SHOWN, *learnt, tuned("enkf", name), tuned("etkf", name)):
        found = scores(run(text, name, 1), exact)
        first = first or found
        print(f"{text:46}" + "".join(cell(a, b) for a, b in zip(found, first, strict=True)),
              flush=True)


def cell(mine: Tensor, other: Tensor) -> str:
    """A mean with its difference from another one."""
    d = mine - other
    error = float(d.std()) / math.sqrt(TRUTHS)
    t = float(d.mean()) / error if error else 0.0
    return f"{float(mine.mean()):7.4f} {float(d.mean()):+.4f} +- {error:.4f} {t:+6.1f}"


def main() -> None:
    torch.set_num_threads(1)
    with torch.no_grad():
        for name in sys.argv[1:] or SETTINGS:
            compare(name)


if __name__ == "__main__":
    main()
