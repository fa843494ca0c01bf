"""Long cycled runs in processes of their own: killed at random, and weighed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import dalab
from dalab.experiments.config import Config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

CONFIG = Config(
    system="lorenz96", cycles=2000, burn_in=200, operators=["identity"], masks=["random:0.7"],
    noise=0.3, noise_family="laplace", missing=0.1, background=0.1, keep=500, repeats=2,
    methods=["enkf:members=12", "pf:members=30"], members=2,
)

RUN = """
import sys, dalab, dalab.experiments.cycles.execution as cycles
from dalab.experiments.config_file import load_config
cycles.CHECKPOINTS = 0.1
dalab.save(dalab.execute(load_config(sys.argv[1]), folder=sys.argv[2]), sys.argv[3])
"""

WEIGH = """
import resource, sys, dalab
dalab.execute(dalab.Config(
    system="lorenz96", cycles=int(sys.argv[1]), operators=["identity"], masks=["full"], noise=0.3,
    background=0.01, methods=["etkf:members=24,inflation=1.05"], members=2,
))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def start(folder, name) -> subprocess.Popen:
    (folder / "config.json").write_text(CONFIG.to_json())
    paths = [folder / "config.json", folder / name, folder / f"{name}.nc"]
    return subprocess.Popen([sys.executable, "-c", RUN, *map(str, paths)], env=dict(os.environ))


def wait_for_progress(folder, process, seconds=60.0) -> None:
    """Wait until a process has written a checkpoint, or has ended."""
    known, deadline = stamps(folder), time.monotonic() + seconds
    while stamps(folder) == known and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def stamps(folder) -> list[float]:
    return sorted(f.stat().st_mtime for f in folder.glob("*.pt"))


def test_a_run_that_is_killed_ten_times_is_that_of_an_undisturbed_one(tmp_path):
    assert start(tmp_path, "whole").wait() == 0
    draw, kills = random.Random(0), 0
    while kills < 10:
        process = start(tmp_path, "killed")
        wait_for_progress(tmp_path / "killed", process)
        time.sleep(draw.uniform(0, 0.4))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert start(tmp_path, "killed").wait() == 0 and kills == 10
    whole, killed = (dalab.load(tmp_path / f"{name}.nc") for name in ("whole", "killed"))
    for node in whole.subtree:
        for name, values in node.data_vars.items():
            if name not in ("seconds", "peak_memory_mb"):
                np.testing.assert_array_equal(values.values, killed[node.path][name].values, name)


def test_memory_is_flat_in_the_number_of_cycles():
    used = [
        int(subprocess.run(
            [sys.executable, "-c", WEIGH, str(cycles)], capture_output=True, text=True, check=True
        ).stdout) for cycles in (1000, 10_000)
    ]
    assert used[1] - used[0] < 50, f"{used} MiB"
