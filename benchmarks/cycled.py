"""Speed, memory and skill of cycled experiments: the numbers in docs/cycles.md.

    python benchmarks/cycled.py [lorenz|repeats|memory|letkf|window ...]        all by default

`lorenz` and `repeats` are 1000 cycles of the ETKF with 24 members on Lorenz-96, once and for 20
truths at a time, on one core; `memory` compares 10,000 with 1000 of them; `letkf` is 100 cycles
with 24 members on qg64, a quarter of the cells observed, on all cores; `window` is 60 days of
`spectral` in a sliding window beside that LETKF.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import torch

from dalab import Config, execute, table

LORENZ = Config(
    system="lorenz96", cycles=1000, burn_in=100, operators=["identity:units=physical"],
    masks=["full"], noise=1.0, background=0.01, members=1, device="cpu",
    methods=["etkf:members=24,inflation=1.013,rotation=True"],
)
FLOW = Config(system="qg64", cycles=100, burn_in=20, methods=["letkf:members=24"], members=1)


def timed(config: Config) -> float:
    """Seconds of a run, and its score table."""
    start = time.perf_counter()
    tree = execute(config)
    seconds = time.perf_counter() - start
    columns = ["method", "rmse_mean", "rmse_mean_err", "crps", "spread_skill", "seconds", "status"]
    print(table(tree)[columns].round(3).to_string(index=False))
    return seconds


def lorenz(repeats: int = 1) -> None:
    torch.set_num_threads(1)
    timed(LORENZ.replace(cycles=10, burn_in=1))
    print(f"1000 cycles, {repeats} repeats: {timed(LORENZ.replace(repeats=repeats)):.1f} s")


def memory() -> None:
    used = [_peak(cycles) for cycles in (1000, 10_000)]
    print(f"peak memory of 1000 and 10,000 cycles: {used[0]} and {used[1]} MiB")


def _peak(cycles: int) -> int:
    command = [sys.executable, __file__, "weigh", str(cycles)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def weigh(cycles: int) -> None:
    execute(LORENZ.replace(cycles=cycles))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def letkf() -> None:
    print(f"100 cycles of letkf on qg64: {timed(FLOW):.1f} s")


def window() -> None:
    both = FLOW.replace(cycles=60, methods=["spectral", "letkf:members=24"], members=8)
    print(f"60 days of spectral in a sliding window, and of letkf: {timed(both):.0f} s")


PARTS = {
    "lorenz": lorenz, "repeats": lambda: lorenz(20), "memory": memory, "letkf": letkf,
    "window": window,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["weigh"]:
        weigh(int(sys.argv[2]))
    else:
        for part in sys.argv[1:] or PARTS:
            PARTS[part]()
