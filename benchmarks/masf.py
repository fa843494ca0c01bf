"""MASF on Kolmogorov flow: the numbers in docs/score-networks.md.

    python benchmarks/masf.py [speed|skill|paper ...]        all by default

`speed` times two analyses of a network that was trained once and of networks that are trained at
every analysis, in one run. `skill` is 30 analyses seen at every fifth row and column, with 20
members, from the climate; the last 20 are scored; `paper` is the six analyses of its paper, with 10
members, all of them scored. Both have published and own samplers, tuned and untuned networks, and
beside them letkf, whose radius and inflation are dalab's own rule, found on other seeds.
"""

from __future__ import annotations

import sys

import torch

from dalab import Config, execute, table

FLOW = Config(
    system="kolmogorov", operators=["identity"], masks=["stride:5"], noise=0.1, interval=10,
    members=20, seed=100,
)
NETWORK = "masf:score=network"
METHODS = [
    "letkf", "masf", "ensf", "sf",
    f"{NETWORK},finetune=0", f"{NETWORK},finetune=0,sampler=guided",
    NETWORK, f"{NETWORK},sampler=guided",
    f"{NETWORK},sampler=guided,released=True,scales=True",
]
COLUMNS = [
    "method", "rmse_mean", "rmse_mean_err", "rmse_forecast", "crps", "spread_skill", "seconds",
    "status",
]


def show(config: Config) -> None:
    found = table(execute(config))
    print(found[COLUMNS].round(3).to_string(index=False), flush=True)


def speed() -> None:
    seconds = {}
    for part in ("finetune=0", "finetune=120", "network=new,finetune=200"):
        for name in ("masf", "sf"):
            if name == "masf" or "new" in part:
                text = f"{name}:score=network,{part},members=20"
                found = table(execute(FLOW.replace(cycles=3, burn_in=1, methods=[text])))
                seconds[f"{name},{part}"] = float(found["seconds"].iloc[0])
                print(f"{text}: {seconds[f'{name},{part}']:.1f} s, {found['status'].iloc[0]}")
    retrained = seconds["sf,network=new,finetune=200"]
    for part in ("finetune=0", "finetune=120"):
        print(f"sf retrained over masf, {part}: {retrained / seconds[f'masf,{part}']:.1f}")


def members(method: str, count: int) -> str:
    return f"{method}{',' if ':' in method else ':'}members={count}"


def skill() -> None:
    for method in METHODS:
        show(FLOW.replace(cycles=30, burn_in=10, methods=[members(method, 20)]))


def paper() -> None:
    for method in METHODS:
        made = FLOW.replace(cycles=6, members=10, repeats=3, methods=[members(method, 10)])
        show(made)


if __name__ == "__main__":
    torch.set_num_threads(1)
    parts = {"speed": speed, "skill": skill, "paper": paper}
    for name in sys.argv[1:] or parts:
        print(f"-- {name}")
        parts[name]()
