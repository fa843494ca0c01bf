"""Full disks, read-only folders and kills: nothing that was there before is lost."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from typer.testing import CliRunner

import dalab
from dalab.cli import app
from dalab.errors import InputError
from dalab.experiments.cycles.checkpoint import Checkpoints
from dalab.experiments.cycles.driver import Carried
from dalab.experiments.results.output import save_somewhere
from dalab.experiments.tables.sweep import append, read
from dalab.files import remove_leftovers
from dalab.priors.files.tensors import open_prior, read_prior, save_prior
from dalab.priors.training import checkpoints
from dalab.systems.library import save_states
from dalab.terminal import write_json

CONFIG = dalab.Config(
    system="lorenz96", operators=["identity"], masks=["full"], methods=["climatology"], members=3,
    device="cpu",
)
ROOM = 500
"""Bytes that a file may have on the full disk."""


@pytest.fixture(scope="module")
def tree():
    return dalab.execute(CONFIG)


@contextmanager
def full_disk():
    """No file grows beyond ``ROOM``: what is written there fails like on a disk without space."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Records:
    """What a recorder gives to a checkpoint."""

    def to_dict(self):
        return {"cycle": 1}


def checkpoint(folder: Path, size: int) -> None:
    carried = Carried(1, torch.ones(1), {"ensemble": torch.ones(size)})
    Checkpoints(folder, CONFIG.replace(cycles=9, burn_in=0)).save("etkf", carried, Records())


def training(folder: Path, size: int) -> None:
    network = torch.nn.Linear(size // 8, 8)
    step = 1 + len(list(folder.glob("step-*")))
    average = {name: value.clone() for name, value in network.state_dict().items()}
    checkpoints.save(folder, step, network, average, [], {"loss": []})


WRITERS = {
    "result": lambda folder, size: dalab.save(dalab.execute(CONFIG), folder / "run.zarr"),
    "scores": lambda folder, size: write_json(dalab.execute(CONFIG), folder / "run.json"),
    "prior": lambda folder, size: save_prior(
        folder / "a.safetensors", {"a": torch.ones(size // 4)}, {"format": "a"}
    ),
    "states": lambda folder, size: save_states("a", torch.rand(1, size), folder),
    "checkpoint": checkpoint,
    "training": training,
    "table": lambda folder, size: append(folder / "rows.csv", [{"status": "x" * size}]),
}
"""Functions that write into a folder, of files as long as a number of bytes."""

@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_loses_nothing(name, tmp_path):
    write = WRITERS[name]
    write(tmp_path, ROOM // 4)
    before = contents(tmp_path)
    with full_disk(), pytest.raises((OSError, RuntimeError, SafetensorError)):
        write(tmp_path, 4 * ROOM)
    if name == "table":
        assert [row["status"] for row in read(tmp_path / "rows.csv")] == ["x" * (ROOM // 4)]
    else:
        assert contents(tmp_path) == before
    write(tmp_path, ROOM // 4)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_result_without_room_is_refused_before_it_is_written(tree, tmp_path):
    """HDF5 would end the process."""
    path = dalab.save(tree, tmp_path / "run.nc")
    before = contents(tmp_path)
    with full_disk(), pytest.raises(InputError, match="too large; and there is no other place"):
        save_somewhere(tree, path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("arguments", [
    ["table", "soad", "--cells", "1", "--method", "oi", "--prior", "gaussian"],
    ["table", "dapper", "--method", "etkf"],
    ["data", "qg64"],
    ["climatology", "qg64"],
], ids=" ".join)
def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(arguments):
    shown = CliRunner().invoke(app, [*arguments, "--out", "/proc/x"])
    assert shown.exit_code == 2, shown.output
    assert shown.stderr.count("\n") == 1 and "written to" in shown.stderr


def test_files_that_vanish_cost_one_line(tmp_path):
    config = CONFIG.replace(cycles=4, burn_in=0, methods=["etkf:members=4"])
    frames = dalab.experiments.cycles.execution.CycledExecution(config, tmp_path / "run").frames()
    for file in (tmp_path / "run").iterdir():
        file.unlink()
    assert len(list(frames)) > 0, "it begins again"
    with pytest.raises(InputError, match="must exist"), open_prior(tmp_path / "a.safetensors") as f:
        read_prior(tmp_path / "a.safetensors", f)


WRITING = """
import sys, dalab
tree = dalab.load(sys.argv[1])
print("ready", flush=True)
while True:
    dalab.save(tree, sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_a_kill_while_results_are_written_leaves_one_that_is_whole(tree, tmp_path, suffix):
    source, path = dalab.save(tree, tmp_path / "source.nc"), tmp_path / "out" / f"run.{suffix}"
    dalab.save(tree, path)
    draw = random.Random(0)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITING, source, path], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0.05, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        remove_leftovers(path.parent)  # as any process does that writes there
        assert [p.name for p in path.parent.iterdir()] == [path.name]
        found = dalab.load(path)["estimates/climatology/pv"].values
        np.testing.assert_array_equal(found, tree["estimates/climatology/pv"].values)
