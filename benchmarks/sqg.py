"""Speed and skill on surface quasi-geostrophic flow: the numbers in docs/systems.md.

    python benchmarks/sqg.py [solver|climate|letkf|daisi ...] [--threads 2]       all by default

`solver` is the time of a step of a member, float32 and float64, alone and in a batch of 20;
`climate` the standard deviations over 30 days from the bundled states; `letkf` 100 cycles with 20
members of the four experiments of DAISI; `daisi` a few cycles of the first of them, 20 members, 50
steps back and 50 forth, and from those the time of 100.
"""

from __future__ import annotations

import argparse
import time

import torch

from dalab import Config, execute, table
from dalab.systems import sqg64
from dalab.systems.library import load_states

CELL = 312.5
"""Width of a cell [km]."""

EXPERIMENTS = {
    "noisy": ("identity:units=physical", 0.25, 5.0, 1250, 0.5),
    "sparse": ("identity:units=physical", 0.05, 1.0, 750, 0.5),
    "saturating": ("arctan:slope=1,units=physical", 0.25, 0.01, 2250, 0.9),
    "multimodal": ("square:scale=7,units=physical", 0.25, 1.0, 1250, 0.5),
}
"""Operator, share of the cells, noise, half-width [km] and relaxation to the prior spread."""

CYCLES = 100
FEW = 3


def config(name: str, cycles: int, *methods: str) -> Config:
    """One of the four experiments of DAISI."""
    operator, share, noise, _, _ = EXPERIMENTS[name]
    return Config(
        system="sqg64", operators=[operator], masks=[f"random:{share}"], noise=noise,
        cycles=cycles, burn_in=cycles // 5, background=0.376, background_kind="forecast",
        methods=list(methods), members=20, device="cpu",
    )


def letkf_of(name: str) -> str:
    """The LETKF of an experiment, with the constants published for it."""
    width, relaxation = EXPERIMENTS[name][3:]
    return (
        f"letkf:members=20,inflation=1,rtps={relaxation},localisation={width / CELL:g},"
        f"vertical={1000 / CELL:g}"
    )


def timed(config: Config) -> float:
    """Seconds of a run; its scores are printed."""
    start = time.perf_counter()
    tree = execute(config)
    seconds = time.perf_counter() - start
    columns = ["method", "rmse_mean", "rmse_mean_err", "crps", "spread_skill", "seconds", "status"]
    print(table(tree)[columns].round(3).to_string(index=False), flush=True)
    return seconds


def solver() -> None:
    system, states = sqg64(), load_states("sqg64")
    for dtype in (torch.float32, torch.float64):
        for members in (1, 20):
            following = system.integrate(states[:members].to(dtype))
            next(following)
            start = time.perf_counter()
            for _ in range(8):
                next(following)
            per_step = (time.perf_counter() - start) / (8 * system.steps_per_interval * members)
            print(f"{dtype}, {members} members: {1e3 * per_step:.2f} ms per member and step")


def climate() -> None:
    system = sqg64()
    following = system.integrate(load_states("sqg64"))
    squares = torch.stack([next(following).pow(2).mean((0, 2, 3)) for _ in range(240)])
    found = squares.mean(0).sqrt() * system.scale.flatten()
    print("standard deviation of the levels: " + ", ".join(f"{x:.2f} K" for x in found))


def letkf() -> None:
    for name in EXPERIMENTS:
        seconds = timed(config(name, CYCLES, letkf_of(name)))
        print(f"{name}: {CYCLES} cycles of letkf in {seconds:.0f} s", flush=True)


def daisi() -> None:
    method = "daisi:members=20,steps=50,inversion_steps=50"
    times = [timed(config("noisy", cycles, method)) for cycles in (1, 1 + FEW)]
    cycle = (times[1] - times[0]) / FEW
    print(f"daisi: {cycle:.1f} s a cycle, so {CYCLES} in {CYCLES * cycle / 60:.0f} min")


PARTS = {"solver": solver, "climate": climate, "letkf": letkf, "daisi": daisi}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for part in given.parts or PARTS:
        PARTS[part]()
