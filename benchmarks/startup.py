"""CPU seconds, user and system, in which commands that do no work answer.

Bars: 0.5 s for ``--version``, ``--help`` and usage errors, which need no torch; 2.5 s for ``list``
and for the input errors of ``run``, which need the registries. Prints the best of some repeats.

    python benchmarks/startup.py [REPEATS]
"""

from __future__ import annotations

import resource
import subprocess
import sys

USAGE, INPUT = 0.5, 2.5

COMMANDS = {
    "--version": (USAGE, 0),
    "--help": (USAGE, 0),
    "run --help": (USAGE, 0),
    "run --nosie 0.1": (USAGE, 2),
    "list nothing": (USAGE, 2),
    "list systems": (INPUT, 0),
    "list methods": (INPUT, 0),
    "run --noise -1": (INPUT, 2),
    "run --method nothing": (INPUT, 2),
    "run --operator tanh:width=x": (INPUT, 2),
    "run --truth nothing.nc": (INPUT, 2),
}
"""Bar [s] and exit code of each command."""


def cpu_seconds(arguments: str) -> tuple[float, int]:
    """CPU seconds of one command, and its exit code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "dalab", *arguments.split()]
    code = subprocess.run(command, capture_output=True).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, code


def main(repeats: int = 3) -> None:
    for command, (bar, expected) in COMMANDS.items():
        runs = [cpu_seconds(command) for _ in range(repeats)]
        best = min(seconds for seconds, _ in runs)
        wrong = {code for _, code in runs} - {expected}
        note = f"   exit code {wrong}, not {expected}" if wrong else ""
        print(f"dalab {command:<30} {best:5.2f} s of CPU (bar {bar} s){note}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
