"""Finished runs on disk: found again by their owner only, bounded, and never half written."""

from __future__ import annotations

import json
import os
import stat
import time

import pytest
import xarray as xr

from dalab.errors import InputError
from dalab.experiments.results.saved_runs import ABOUT, RESULT, SavedRuns
from dalab.experiments.results.store import save
from dalab.experiments.run import execute

ABOUT_IT = {"file": ""}


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    """A small result."""
    return execute({
        "system": "lorenz96", "operators": ["identity"], "masks": ["full"], "methods": ["oi"],
        "members": 2, "device": "cpu",
    })


@pytest.fixture
def runs(tmp_path) -> SavedRuns:
    return SavedRuns(tmp_path / "runs", most=3)


def test_a_run_is_found_by_its_owner_in_another_process(runs, tree):
    runs.put("ada", tree, ABOUT_IT)
    [found] = SavedRuns(runs.folder).of("ada")
    assert found.about == {"file": "", "number": 1}
    xr.testing.assert_identical(found.load()["estimates/oi/pv"], tree["estimates/oi/pv"])
    assert SavedRuns(runs.folder).of("grace") == []


def test_the_oldest_run_of_an_owner_makes_room_and_never_that_of_another(runs, tree):
    other = runs.put("grace", tree, ABOUT_IT)
    for _ in range(5):
        runs.put("ada", tree, ABOUT_IT)
    assert [run.about["number"] for run in runs.of("ada")] == [3, 4, 5]
    assert [run.path for run in runs.of("grace")] == [other.path]


def test_the_space_of_an_owner_is_bounded(runs, tree):
    first = runs.put("ada", tree, ABOUT_IT)
    size = sum(file.stat().st_size for file in first.path.iterdir())
    runs.space = 2 * size + size // 2
    for _ in range(3):
        newest = runs.put("ada", tree, ABOUT_IT)
    assert len(runs.of("ada")) == 2
    runs.space = size // 2
    with pytest.raises(InputError, match="size of the saved runs"):
        runs.put("ada", tree, ABOUT_IT)
    assert runs.of("ada")[-1] == newest, "what is there stays"


def test_the_space_of_all_is_bounded_by_what_is_new(runs, tree):
    runs.put("grace", tree, ABOUT_IT)
    runs.in_all = sum(file.stat().st_size for file in runs.folder.glob("*/*/*"))
    with pytest.raises(InputError, match="size of the saved runs"):
        runs.put("ada", tree, ABOUT_IT)
    assert len(runs.of("grace")) == 1 and runs.of("ada") == []
    assert list(runs.folder.glob("*/.*")) == []


def test_old_runs_and_what_a_kill_has_left_are_removed(runs, tree):
    old = runs.put("grace", tree, ABOUT_IT).path
    left = old.with_name(".dalab-left.part")
    left.mkdir()
    for path in (old, left):
        os.utime(path, (time.time() - 31 * 86400,) * 2)
    runs.put("ada", tree, ABOUT_IT)
    assert not old.exists() and not left.exists()


@pytest.mark.parametrize("owner", ["../..", "/etc", "a/b", "\0", "é" * 5000, "~"])
def test_no_owner_is_a_path(runs, tree, owner):
    saved = runs.put(owner, tree, ABOUT_IT)
    assert saved.path.parent.parent == runs.folder and runs.of(owner) == [saved]
    assert stat.S_IMODE(runs.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("text", [
    "", "{", "[]", "1", "null", '{"number": "1"}', "{}", "[" * 100_000, '"' + "a" * (1 << 21) + '"',
])
def test_a_damaged_description_is_left_out(runs, tree, text):
    damaged, whole = (runs.put("ada", tree, ABOUT_IT) for _ in range(2))
    (damaged.path / ABOUT).write_text(text)
    assert runs.of("ada") == [whole]


def test_a_damaged_or_removed_result_is_refused(runs, tree):
    saved = runs.put("ada", tree, ABOUT_IT)
    (saved.path / RESULT).write_bytes((saved.path / RESULT).read_bytes()[:1000])
    with pytest.raises(InputError):
        saved.load()
    saved.drop()
    with pytest.raises(InputError):
        saved.load()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="folder of runs"):
        SavedRuns(tmp_path / "file").check()


def test_nothing_is_left_of_a_run_that_could_not_be_written(runs, tree, monkeypatch):
    def full(*arguments):
        save(*arguments)
        raise OSError("No space left on device")

    monkeypatch.setattr("dalab.experiments.results.saved_runs.save", full)
    with pytest.raises(OSError, match="No space left"):
        runs.put("ada", tree, ABOUT_IT)
    assert list(runs.folder.glob("*/*")) == []


def test_the_description_is_plain_json(runs, tree):
    saved = runs.put("ada", tree, {"file": "a.nc"})
    assert json.loads((saved.path / ABOUT).read_text()) == {"file": "a.nc", "number": 1}
