"""Data on disk: the same after any number of kills, and clear about what it is."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
import zarr

from dalab.errors import InputError
from dalab.files import locked
from dalab.systems import SYSTEMS, SurfaceQG
from dalab.systems.archive import Archive, Plan
from dalab.systems.pyqg_truth import block_mean
from dalab.systems.simulation import plan_for, simulate
from dalab.systems.spinup import integrate


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(system="tiny", trajectories=3, days=20, spinup=10, segment=7)


def make(path, plan, system, stop_after=None):
    for count, _ in enumerate(simulate(path, plan, system, torch.device("cpu")), 1):
        if count == stop_after:
            return


@pytest.fixture(scope="module")
def whole(plan, tiny_system, tmp_path_factory):
    """An archive made in one go."""
    path = tmp_path_factory.mktemp("data") / "whole"
    make(path, plan, tiny_system)
    return path


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
def test_a_kill_changes_nothing(plan, tiny_system, whole, tmp_path, stop_after):
    path = tmp_path / "killed"
    make(path, plan, tiny_system, stop_after)
    with pytest.raises(InputError, match="must be complete"):
        Archive(path)
    make(path, plan, tiny_system)
    assert Archive(path).hash == Archive(whole).hash
    np.testing.assert_array_equal(Archive(path).training(), Archive(whole).training())


def test_a_kill_in_the_middle_of_a_segment(plan, tiny_system, whole, tmp_path):
    path = tmp_path / "killed"
    make(path, plan, tiny_system, 3)
    # what a kill leaves behind: days written beyond the record, and an unfinished record
    zarr.open_array(path / "states", mode="r+")[:, 10:14] = 99.0
    (path / "progress.json.new").write_text("{")
    make(path, plan, tiny_system)
    assert Archive(path).hash == Archive(whole).hash
    np.testing.assert_array_equal(Archive(path).held_out(), Archive(whole).held_out())


def test_a_kill_before_the_first_record(plan, tiny_system, whole, tmp_path):
    path = tmp_path / "killed"
    make(path, plan, tiny_system, 1)
    (path / "progress.json").unlink()
    for file in path.glob("state-*.npy"):
        file.unlink()
    make(path, plan, tiny_system)
    assert Archive(path).hash == Archive(whole).hash


def test_one_process_at_a_time_writes_an_archive(plan, tiny_system, tmp_path):
    with locked(tmp_path, "output"), pytest.raises(InputError, match="must not be in use"):
        make(tmp_path, plan, tiny_system)
    make(tmp_path, plan, tiny_system)


def test_states_of_others_are_left_alone(plan, tiny_system, tmp_path):
    (tmp_path / "states").mkdir()
    (tmp_path / "states" / "texas.csv").write_text("years of work")
    with pytest.raises(InputError, match="must be empty or an archive"):
        make(tmp_path, plan, tiny_system)
    assert (tmp_path / "states" / "texas.csv").exists()


def test_it_is_split_by_trajectory(plan, whole):
    archive = Archive(whole)
    assert plan.training == 2
    assert archive.training().shape == (2, 20, 2, 8, 8)
    assert archive.held_out().shape == (1, 20, 2, 8, 8)
    assert archive.training().dtype == np.float32
    day = np.abs(np.diff(archive.training(), axis=1)).max()
    assert 0 < day < 1  # consecutive days are neighbours


def test_another_plan_is_refused(plan, tiny_system, whole, tmp_path):
    path = tmp_path / "copy"
    shutil.copytree(whole, path)
    other = Plan(system="tiny", trajectories=3, days=21, spinup=10, segment=7)
    with pytest.raises(InputError, match="another plan"):
        make(path, other, tiny_system)


def test_a_foreign_folder_is_left_alone(plan, tiny_system, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="must be empty or an archive"):
        make(tmp_path, plan, tiny_system)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("trajectories", 1), ("days", 8), ("spinup", -1), ("held_out", 1.0), ("every", 0)],
)
def test_bad_numbers(field, value):
    good = {"system": "tiny", "trajectories": 3, "days": 20, "spinup": 10}
    with pytest.raises(InputError, match=str(value)):
        Plan(**{**good, field: value})


def test_a_finer_simulation_is_averaged(tiny_system, tmp_path):
    plan = plan_for(tiny_system, 2, 9, simulate_at=16, spinup=3)
    assert plan.source == "simulated at 16 x 16, averaged over 2 x 2 cells"
    make(tmp_path / "fine", plan, tiny_system)
    assert Archive(tmp_path / "fine").training().shape == (1, 9, 2, 8, 8)
    with pytest.raises(InputError, match="must be 8 or 16"):
        plan_for(tiny_system, 2, 9, simulate_at=24)


def test_states_may_be_kept_less_often(whole, tiny_system, tmp_path):
    """Every third of them is kept, whatever was killed where, and segments are counted in those."""
    plan = Plan(system="tiny", trajectories=3, days=9, spinup=3, segment=4, every=3)
    make(tmp_path, plan, tiny_system, 2)
    make(tmp_path, plan, tiny_system)
    assert plan.total == 30
    every, daily = Archive(tmp_path).states, Archive(whole).states
    # the spin-up of the other ends at day 10, and days 12, 15, ... are its second, fifth, ...
    np.testing.assert_allclose(every[:, 2:], daily[:, 1:20:3], rtol=0, atol=1e-4)


def test_archives_of_before_have_all_states(whole, tmp_path):
    path = tmp_path / "before"
    shutil.copytree(whole, path)
    record = json.loads((path / "progress.json").read_text())
    del record["plan"]["every"]
    (path / "progress.json").write_text(json.dumps(record))
    assert Archive(path).plan == Archive(whole).plan and Archive(path).plan.every == 1


def test_surface_flow_has_no_finer_one(tmp_path):
    system = SurfaceQG(size=8, dt=3600.0, diffusion=86400.0)
    plan = plan_for(system, 2, 9, spinup=1, every=2)
    assert plan.spinup == 1 and plan_for(system, 2, 9).spinup == 2400
    make(tmp_path, plan, system)
    wanted = integrate(system, system.initial_states(2, 0), 3)
    torch.testing.assert_close(torch.from_numpy(Archive(tmp_path).states[:, 0]), wanted)
    with pytest.raises(InputError, match="must be 8"):
        plan_for(system, 2, 9, simulate_at=16)


def test_an_archive_goes_on_where_another_ended(whole, tiny_system, tmp_path, monkeypatch):
    monkeypatch.setitem(SYSTEMS, "tiny", lambda: tiny_system)
    plan = plan_for(tiny_system, 2, 9, spinup=0, start=str(whole))
    make(tmp_path / "next", plan, tiny_system)
    ends = torch.from_numpy(Archive(whole).states[:, -1])
    wanted = tiny_system.step(ends[0])
    torch.testing.assert_close(torch.from_numpy(Archive(tmp_path / "next").states[0, 0]), wanted)
    with pytest.raises(InputError, match="at most the 3 states"):
        make(tmp_path / "more", plan_for(tiny_system, 4, 9, start=str(whole)), tiny_system)


def test_pooling():
    x = torch.arange(16.0).view(1, 4, 4)
    torch.testing.assert_close(block_mean(x, 2), torch.nn.functional.avg_pool2d(x, 2))
