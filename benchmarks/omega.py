"""Omega and its rivals on conditional Gaussian systems: log score and CRPS, eighty truths, paired.

    python benchmarks/omega.py                 # all systems
    python benchmarks/omega.py dyad spekf

Every method has 100 members and sees the same truths and observations. The log score is minus the
log density of the true state, of all its variables, under the analysis: under the mixture of those
that carry one, under the Gaussian of the members of the others; its median over the analyses is
taken, since a single extreme event that all members miss costs a mixture hundreds. The CRPS is that
of the members, fair, in climatological standard deviations. `enkf` and `etkf` have the inflation
that is best on other truths. The differences are those from the first method, over the truths, with
their standard errors; t is their ratio.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import NamedTuple

import torch

from dalab.methods import METHODS, Filter, Problem
from dalab.methods.conditional_gaussian.members import Members
from dalab.methods.conditional_gaussian.mixture_filter import members_of
from dalab.methods.generative.omega.kernels import Kernels, half_silverman
from dalab.observations import OPERATORS, network
from dalab.random import TimeStreams, stream
from dalab.systems import SYSTEMS
from dalab.systems.conditional_gaussian.base import Gaussian

TRUTHS, CYCLES, BURN_IN, MEMBERS = 80, 120, 20, 100
SETTINGS = {
    "dyad": 0.566, "spekf": 0.671, "lorenz63-noisy": 0.2427, "lorenz84-noisy": 0.319,
    "topographic": 0.25,
}
"""Noise of the observations of the resolved variables, in climatological standard deviations."""

FIRST = "omega:baseline=gaussian,network=none"
METHODS_SHOWN = (
    FIRST, "omega:network=none", "omega:steps=20,rate=0.2",
)
EXACT = "rbpf:members=1000"
"""Close to the exact filter."""
INFLATIONS = (1.0, 1.05)


class Score(NamedTuple):
    """Scores of every truth, ``(truths,)``."""

    log: torch.Tensor
    crps: torch.Tensor


def run(text: str, name: str, seed: int, cycles: int = CYCLES) -> Score:
    """Scores of a method on the truths of a seed."""
    system = SYSTEMS.make(name)
    net = network(OPERATORS.make("resolved", system), noise=SETTINGS[name]).realise(system, 1)
    source, own = stream(seed, "truth"), stream(seed, text)
    problem = Problem(system, None, net, torch.zeros(net.size, dtype=torch.float64))
    method: Filter = METHODS.make(text).prepare(problem)
    truth = system.sample_climate(TRUTHS, source)
    members = method.size(MEMBERS)
    pool = system.sample_climate(1000, source)
    chosen = torch.randint(1000, (TRUTHS, members), generator=own)
    state, logs, crps = method.begin(pool[chosen], problem), [], []
    std = net.variance(like=truth).sqrt()
    for cycle in range(cycles):
        truth = system.step(truth, 1, source)
        clean = net.apply(truth.unsqueeze(-4))
        data = clean + std * torch.randn(clean.shape, generator=source, dtype=torch.float64)
        state = method.forecast(state, problem, 1, own)
        streams = TimeStreams(own, members, dtype=torch.float64)
        state = method.assimilate(state, replace(problem, data=data), streams)
        if cycle >= BURN_IN:
            logs.append(log_score(state, system, truth, "gaussian" in text))
            crps.append(fair_crps(method.estimate(state, streams), truth))
    return Score(torch.stack(logs).median(0).values, torch.stack(crps).mean(0))


def log_score(state, system, truth, single: bool) -> torch.Tensor:
    """Minus log densities of true states under an analysis, ``(truths,)``."""
    x = state["ensemble"]
    if "hidden_mean" in state:
        members = members_of(state)
    else:
        u, v = system.split(x)
        cov = v.new_zeros(*v.shape, v.shape[-1])
        members, single = Members(x.new_zeros(x.shape[:-3]), u, Gaussian(v, cov)), True
    count, d1 = members.u.shape[-3], members.u.shape[-2:].numel()
    kernels = Kernels.single(members) if single else Kernels.of(members, half_silverman(count, d1))
    u, v = (part.flatten(-2) for part in system.split(truth))
    K = kernels.u.shape[-2]
    index = torch.arange(K).expand(*u.shape[:-1], K)
    hidden = kernels.moved(u.unsqueeze(-2).expand(-1, K, -1), index)
    logs = torch.log_softmax(kernels.log_weights, -1)
    logs = logs + normal(u.unsqueeze(-2) - kernels.u, kernels.cov.unsqueeze(-3))
    logs = logs + normal(v.unsqueeze(-2) - hidden.mean.flatten(-2), hidden.cov.squeeze(-3))
    return -torch.logsumexp(logs, -1)


def normal(e: torch.Tensor, cov: torch.Tensor) -> torch.Tensor:
    """Log densities N(e; 0, cov)."""
    factor = torch.linalg.cholesky(cov + 1e-12 * torch.eye(cov.shape[-1]).to(cov))
    white = torch.linalg.solve_triangular(factor, e.unsqueeze(-1), upper=False).squeeze(-1)
    logs = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return -(white.square().sum(-1) + e.shape[-1] * math.log(2 * math.pi)) / 2 - logs


def fair_crps(x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Fair CRPS of members ``(truths, N, lev, y, x)``, mean over the variables."""
    N = x.shape[-4]
    ordered = x.double().sort(-4)[0]
    rank = 2 * torch.arange(1, N + 1).view(-1, 1, 1, 1) - N - 1
    apart = (rank * ordered).sum(-4) / (N * (N - 1))
    return ((x - truth.unsqueeze(-4)).abs().mean(-4) - apart).flatten(-3).mean(-1)


def tuned(filter_name: str, name: str) -> str:
    """An ensemble Kalman filter with the inflation that is best on other truths."""
    texts = [f"{filter_name}:members={MEMBERS},inflation={f:g}" for f in INFLATIONS]
    return min(texts, key=lambda text: float(run(text, name, 99, 50).crps.mean()))


def compare(name: str) -> None:
    """Print the scores of all methods on a system."""
    print(f"\n{name}: resolved variables seen every {SYSTEMS.make(name).interval:g}, "
          f"noise {SETTINGS[name]:g}\n")
    print(f"{'method':42} {'log score':>9} {'difference':>16} {'t':>5}"
          f" {'CRPS':>7} {'difference':>17} {'t':>5}")
    first = None
    rivals = tuned("enkf", name), tuned("etkf", name)
    for text in (*METHODS_SHOWN, *rivals, EXACT):
        found = run(text, name, 1)
        first = found if first is None else first
        cells = []
        for mine, other, digits in zip(found, first, (3, 4), strict=True):
            d = mine - other
            error = float(d.std()) / math.sqrt(TRUTHS)
            t = float(d.mean()) / error if error else 0.0
            cells.append(f"{float(mine.mean()):{6 + digits}.{digits}f} "
                         f"{float(d.mean()):+.{digits}f} +- {error:.{digits}f} {t:+5.1f}")
        print(f"{text:42} {'  '.join(cells)}", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    with torch.no_grad():
        for name in sys.argv[1:] or SETTINGS:
            compare(name)


if __name__ == "__main__":
    main()
