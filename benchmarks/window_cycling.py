"""Sliding windows that start from noise and from an inverted forecast: numbers of docs/cycles.md.

    python benchmarks/window_cycling.py [gaussian|trained] [SEED ...]

Days of qg64, a quarter of the cells by arctan: RMSE of the mean of analysis, forecast and oldest
state of the window, CRPS and spread/skill. `gaussian` (the default) is the prior without a network,
18 days and 4 members, and takes minutes on one core; `trained` the one of the system, 40 days and
8 members, and takes hours. Seeds are from 101 on: those of published numbers are others.
"""

from __future__ import annotations

import sys
import time

import torch

from dalab import Config, execute, table

KEPT = "start=invert,eta=0.14"
METHODS = {
    "gaussian": ["spectral:steps=10,iterations=8",
                 f"spectral:steps=10,iterations=8,{KEPT},draws=False",
                 f"mmps:steps=24,{KEPT}"],
    "trained": ["spectral", f"spectral:{KEPT},draws=False", "mmps:steps=64",
                f"mmps:steps=64,{KEPT}"],
}
RUNS = {
    "gaussian": Config(prior="gaussian", cycles=18, burn_in=10, members=4, device="cpu"),
    "trained": Config(cycles=40, burn_in=20, members=8, device="cpu"),
}


def measure(prior: str, text: str, seed: int) -> None:
    began = time.process_time()
    tree = execute(RUNS[prior].replace(methods=[text], seed=seed))
    row = table(tree)[["rmse_mean", "rmse_forecast", "crps", "spread_skill"]].iloc[0]
    scores, oldest = tree["metrics"].to_dataset(), float("nan")
    if "rmse_smoothed_cycles" in scores:
        oldest = float(scores["rmse_smoothed_cycles"][..., RUNS[prior].burn_in :].mean())
    numbers = "  ".join(f"{name} {value:.3f}" for name, value in row.items())
    print(f"{seed} {text}: {numbers}  oldest {oldest:.3f}  {time.process_time() - began:.0f} s")


if __name__ == "__main__":
    torch.set_num_threads(1)
    kind, *seeds = sys.argv[1:] or ["gaussian"]
    for seed in map(int, seeds or ["101"]):
        for text in METHODS[kind]:
            measure(kind, text, seed)
