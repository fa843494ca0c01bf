"""Training goes on after a kill, and does not care how many processes share it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from dalab.errors import InputError
from dalab.files import locked
from dalab.priors.denoisers.residual import ResidualPrior
from dalab.priors.files.header import Header
from dalab.priors.files.recipe import Recipe, load_recipe
from dalab.priors.loading import load_prior
from dalab.priors.training.pipeline import Training
from dalab.priors.training.windows import Windows
from dalab.systems import SYSTEMS

CPU = torch.device("cpu")
SMALL = Recipe(
    name="small", system="lorenz96", data="climate:8x30", window=4, widths=(8,), depths=(1,),
    steps=6, batch=4, fit_windows=32, checkpoint_every=2, held_out=8, warmup=2,
    autocast=False,  # so that numbers can be compared on any hardware
)


def train(folder: Path, recipe: Recipe = SMALL, stop_after: int | None = None) -> Training:
    training = Training(recipe, folder, CPU)
    for step in training.run():
        if step.step == stop_after:
            break
    return training


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Training, Path, Header]:
    """A training without interruption, and its file."""
    training = train(tmp_path_factory.mktemp("whole"))
    return training, *training.finish()


@pytest.mark.parametrize("stop_after", [1, 3, 4])
def test_stopped_and_resumed_training_is_the_same(whole, tmp_path, stop_after):
    train(tmp_path, stop_after=stop_after)
    resumed = train(tmp_path)
    for part in ("network", "smoother", "coupling"):
        expected = getattr(whole[0].prior, part).state_dict()
        for name, value in getattr(resumed.prior, part).state_dict().items():
            torch.testing.assert_close(value, expected[name], msg=name)


@pytest.mark.slow
def test_a_kill_loses_at_most_the_interval(tmp_path):
    """SIGKILL at random moments: the last complete checkpoint is at most an interval old."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({**SMALL.to_dict(), "steps": 4000}))
    command = [sys.executable, "-m", "dalab", "train", str(recipe), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=_environment())
    seen = b""
    while b"of 4000 steps" not in seen or _last_step(seen) < 25:
        seen += process.stderr.read(1)
    process.kill()
    process.wait()
    resumed = Training(load_recipe(recipe), tmp_path / "out", CPU)
    first = next(resumed.run()).step
    assert first - 1 >= _last_step(seen) - SMALL.checkpoint_every


def _last_step(output: bytes) -> int:
    lines = output.replace(b"\r", b"\n").split(b"\n")
    return max((int(line.split()[0]) for line in lines if b" of 4000 steps " in line), default=0)


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.slow
def test_two_processes_are_one(whole, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(SMALL.to_dict()))
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        "-m", "dalab", "train", str(recipe), "--out", str(tmp_path), "--device", "cpu",
    ]
    subprocess.run(command, check=True, env=_environment(), capture_output=True, timeout=240)
    together, alone = (Header.read(p / "small.safetensors") for p in (tmp_path, whole[1].parent))
    for a, b in zip(together.validation, alone.validation, strict=True):
        assert a["trained"] == pytest.approx(b["trained"], rel=1e-4)
    one, two = (load_prior(str(p / "small.safetensors"), SYSTEMS["lorenz96"]())
                for p in (whole[1].parent, tmp_path))
    x = torch.randn(1, 4, 1, 1, 40, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one.denoise(x, 0.5), two.denoise(x, 0.5), atol=2e-3, rtol=0)


@pytest.mark.slow
def test_it_learns(tmp_path):
    recipe = Recipe(**{**SMALL.__dict__, "steps": 120, "batch": 16, "held_out": 16, "rate": 5e-3})
    training = train(tmp_path, recipe)
    _, header = training.finish()
    at = {row["sigma"]: row for row in header.validation}
    assert at[1.0]["trained"] < at[1.0]["start"] <= 1.01 * at[1.0]["gaussian"]


def test_one_training_at_a_time_uses_a_folder(tmp_path):
    with locked(tmp_path, "folder"), pytest.raises(InputError, match="training folder = .*in use"):
        train(tmp_path)


def test_checkpoints_are_small_files_without_pickle(whole):
    folder = whole[1].parent / "checkpoints"
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".safetensors", ".json"}
    assert all(file.stat().st_size <= 16 * 2**20 for file in files)


def test_another_network_is_refused(whole):
    other = Recipe(**{**SMALL.__dict__, "widths": (16,)})
    with pytest.raises(InputError, match="does not fit this recipe"):
        next(Training(other, whole[1].parent, CPU).run())


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("dalab.priors.training.training._rank_and_size", lambda: (0, 3))
    with pytest.raises(InputError, match="multiple of the 3 processes"):
        next(Training(SMALL, tmp_path, CPU).run())


def test_untrained_is_the_start(tmp_path):
    prior: ResidualPrior = Training(SMALL, tmp_path, CPU).prior
    x = torch.randn(2, 4, 1, 1, 40, generator=torch.Generator().manual_seed(0))
    start, _ = prior.features(x, torch.tensor([0.3, 0.3]))
    torch.testing.assert_close(prior.denoise(x, 0.3), start)


def test_it_goes_on_from_the_network_of_another_prior(whole, tmp_path):
    started = Training(dataclasses.replace(SMALL, start=str(whole[1])), tmp_path, CPU).prior.network
    for name, value in whole[0].prior.network.state_dict().items():
        torch.testing.assert_close(started.state_dict()[name], value.half().float(), msg=name)


def test_a_network_of_another_shape_to_start_from_is_refused(whole, tmp_path):
    other = dataclasses.replace(SMALL, start=str(whole[1]), widths=(16,))
    with pytest.raises(InputError, match="start = .*must have a network like that of the recipe"):
        Training(other, tmp_path, CPU)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("name: a\nsystem: qg64", "must have a data"),
        ("name: a\nsystem: qg64\ndata: x\nstep: 3", "Did you mean 'steps'"),
        ("name: a\nsystem: qg64\ndata: x\nbatch: 0", "batch = 0"),
        ("name: a\nsystem: qg64\ndata: x\nhold: 2", "hold = 2"),
        ("name: a\nsystem: qg64\ndata: x\nwidths: [8, 8]\ndepths: [1]", "one for each of the 2"),
        ("name: a\nsystem: qg64\ndata: x\nflow_levels: [5, 0.2]", "flow_levels = .*lower one"),
        ("name: a\nsystem: qg64\ndata: x\nflow_levels: 3", "flow_levels = 3: must be two noise"),
        ("- 1", "must hold 'field: value' lines"),
        ("a: [", "cannot be read"),
    ],
)
def test_bad_recipes(tmp_path, text, match):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        load_recipe(path)


def test_no_data_is_said_before_work(tmp_path):
    recipe = Recipe(name="a", system="qg64", data=str(tmp_path / "none"))
    with pytest.raises(InputError, match="must be an archive"):
        Training(recipe, tmp_path, CPU)
    with pytest.raises(InputError, match="is not for qg64"):
        Training(Recipe(name="a", system="qg64", data="climate:8x30"), tmp_path, CPU)


def test_training_windows_are_shifted_where_the_climate_may_be():
    rows = torch.arange(16.0)[:, None].expand(1, 1, 1, 16, 16)
    windows = Windows(states=rows, length=1, mirrored=False, shifts=(4, 1))
    starts = {int(windows.sample(step, 0, 0.0, 1.0)[0][0, 0, 0, 0]) for step in range(60)}
    assert starts == {0, 4, 8, 12}
