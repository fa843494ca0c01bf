"""Time left as runs show it, beside the time that they then took, before and after a first run.

Bar: the time that is expected at the beginning of a run like one before is right within a factor
of 2. What other processes have measured is left out.

    python benchmarks/time_left.py [SYSTEM] [CYCLES]
"""

from __future__ import annotations

import os
import sys
import time

os.environ["DALAB_CACHE"] = ""  # nothing is known at the first run

from dalab.experiments.config import Config
from dalab.experiments.execution import Execution
from dalab.experiments.run import open_execution

FACTOR = 2.0
"""Bar of all runs but the first."""


def watch(execution: Execution) -> tuple[float, float, float]:
    """Expected time, time taken [s], and the largest factor that the time left was wrong by.

    Times below one second do not count.
    """
    execution.prepare()
    expected, start = execution.progress.remaining or 0.0, time.perf_counter()
    shown = [(frame.progress.remaining or 0.0, time.perf_counter()) for frame in execution.frames()]
    end = time.perf_counter()
    pairs = [(left, end - when) for left, when in shown]
    wrong = [max(a / b, b / a) for a, b in pairs if min(a, b) > 1]
    return expected, end - start, max(wrong, default=1.0)


def main(system: str = "qg64", cycles: str = "") -> None:
    """Run three times and print what was expected, and what came."""
    config = Config(
        system=system, methods=("spectral:steps=8", "letkf", "oi", "climatology"),
        cycles=int(cycles) if cycles else None,
    )
    for number in (1, 2, 3):
        execution = open_execution(config)
        expected, taken, wrong = watch(execution)
        missed = number > 1 and not 1 / FACTOR < expected / taken < FACTOR
        print(f"run {number}: {', '.join(execution.order)}: expected {expected:.1f} s, took "
              f"{taken:.1f} s{' (MISSED)' if missed else ''}; "
              f"time left wrong by a factor of {wrong:.1f} at most")


if __name__ == "__main__":
    main(*sys.argv[1:])
