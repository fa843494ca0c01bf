"""Member-steps per second of the lab's QG solver and of pyqg, measured in turns.

Both advance the same developed states on 64 x 64 cells with the same time step, each with the
threads it makes best use of on this machine: torch with all of them, pyqg with the better of one
and two. The lab steps 32 members at once in single precision (and in double, for comparison); pyqg
steps one model in double, the only thing it offers. Ratios are taken within a turn and their median
is printed, since other work on the machine disturbs single timings. torch is imported before dalab,
so that idle threads spin as they do by default: fastest for both on a machine that does nothing
else, and far slower for both beside any other process.

    python benchmarks/qg_speed.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

from dalab.systems import qg64
from dalab.systems.library import load_states
from dalab.systems.pyqg_truth import pyqg_model

MEMBERS, TURNS, SECONDS = 32, 15, 0.3


def rate(step: Callable[[], object], members: int) -> float:
    """Member-steps per second over ``SECONDS``."""
    steps, begin = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < SECONDS:
        step()
        steps += 1
    return members * steps / elapsed


def contestants() -> dict[str, tuple[Callable[[], object], int]]:
    """What takes one step of how many members, by name."""
    system = qg64()
    q = load_states("qg64")[:MEMBERS].double() * system.scale
    steppers = {
        "dalab float32": system.model.stepper(q.float()),
        "dalab float64": system.model.stepper(q),
    }
    found = {name: (stepper.__next__, MEMBERS) for name, stepper in steppers.items()}
    for threads in (1, 2):
        model = pyqg_model(system.model, threads)
        model.q = q[0].numpy()
        found[f"pyqg {threads} thread{'s' * (threads > 1)}"] = (model._step_forward, 1)
    return found


def main() -> None:
    runners = contestants()
    with torch.no_grad():
        for step, members in runners.values():
            rate(step, members)
        turns = [{name: rate(*runner) for name, runner in runners.items()} for _ in range(TURNS)]
    print(f"64 x 64, {MEMBERS} members, torch with {torch.get_num_threads()} threads, "
          f"median of {TURNS} turns, in member-steps per second")
    for name in runners:
        print(f"  {name:14} {median(turn[name] for turn in turns):8.0f}")
    for name in ("dalab float32", "dalab float64"):
        ratios = sorted(
            turn[name] / max(turn["pyqg 1 thread"], turn["pyqg 2 threads"]) for turn in turns
        )
        print(f"{name} / pyqg: {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
