"""EnSF on Lorenz-96 with a million variables: seconds of an analysis, memory, error.

The setting of Bao et al. (2024): 20 members from white noise, arctan of every variable every 0.1
with noise 0.05, the paired score in 500 steps. Bars: 60 s on 2 cores, 6 GB in all. The published
error of the last of 150 analyses is 0.204, in the units of the equations.

    python benchmarks/ensf_large.py [CYCLES] [VARIABLES] [THREADS]
"""

from __future__ import annotations

import resource
import sys
import time

import torch

from dalab.methods import METHODS, Problem
from dalab.observations import MASKS, OPERATORS, network
from dalab.random import TimeStreams, stream
from dalab.systems import SYSTEMS

MEMBERS, SPINUP, NOISE = 20, 100, 0.05


def main(cycles: int = 2, variables: int = 1_000_000, threads: int = 2) -> None:
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    system = SYSTEMS.make(f"lorenz96-ensf:d={variables}")
    arctan = OPERATORS.make("arctan:slope=1,units=physical", system)
    net = network(arctan, mask=MASKS.make("full"), noise=NOISE).realise(system, 1)
    truth, members = (
        system.normalised(std * torch.randn(count, *system.shape, generator=stream(0, name)))
        for name, std, count in (("truth", 3.0, 1), ("members", 1.0, MEMBERS))
    )
    truth = system.step(truth, SPINUP)
    method = METHODS.make("ensf:units=physical,bound=50")
    state = {"ensemble": members}
    for cycle in range(cycles):
        truth = system.step(truth)
        data = net.observe(truth, lambda i, k=cycle: stream(0, "noise", k, i))
        problem = Problem(system, None, net, data, cycled=True)
        start, cpu = time.perf_counter(), time.process_time()
        state = method.forecast(state, problem)
        ahead = time.perf_counter() - start
        streams = TimeStreams(stream(0, "cycle", cycle), MEMBERS)
        state = method.prepare(problem).assimilate(state, problem, streams)
        spent, cpu = time.perf_counter() - start - ahead, time.process_time() - cpu
        error = system.scale.item() * float((method.mean(state) - truth).square().mean().sqrt())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"cycle {cycle + 1}: forecast {ahead:.1f} s, analysis {spent:.1f} s, {cpu:.1f} s of "
              f"CPU in both, RMSE {error:.3f}, {memory:.2f} GB", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
