"""Results: what the tree holds, and that files give it back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from dalab import __version__
from dalab.errors import InputError
from dalab.experiments.results.store import check_path, config_of, load, save
from dalab.experiments.run import Run, execute

from .stubs import QUICK

CONFIG = QUICK.replace(
    operators=("arctan", "velocity"), masks=("random:0.25", "stride:4"), background=0.1,
    methods=("sda", "oi", "sda:eta=0.3"), interval=2, prior="gaussian",
)


@pytest.fixture(scope="module")
def run():
    run = Run(CONFIG).start()
    assert run.wait(60)
    return run


@pytest.fixture(scope="module")
def tree(run):
    return run.result


def test_every_node_has_its_dims_in_order(tree):
    state = ("time", "lev", "y", "x")
    assert tree["truth/pv"].dims == state
    assert tree["background/pv"].dims == state[1:]
    assert tree["observations/velocity/observed"].dims == ("time", "channel", "y", "x")
    assert list(tree["estimates"].children) == ["sda", "oi", "sda-2"]
    for node in tree["estimates"].children.values():
        assert node["pv"].dims == ("member", *state) and node["pv"].dtype == np.float32
    assert tree["metrics/rmse_steps"].dims == ("method", "time")
    assert tree["metrics/crps"].dims == ("method",)


def test_everything_on_the_grid_has_coordinates_and_units(tree):
    for node in tree.subtree:
        for name, variable in node.data_vars.items():
            if variable.ndim > 1:
                assert {"long_name", "units"} <= set(variable.attrs), f"{node.path}/{name}"
    units = {name: tree[name].attrs["units"] for name in ("time", "lev", "y", "x")}
    assert units == {"time": "day", "lev": "1", "y": "m", "x": "m"}
    assert tree["time"].values.tolist() == list(range(9))
    assert float(tree["x"][1] - tree["x"][0]) == pytest.approx(1e6 / 64)


def test_one_multiplication_gives_physical_units(tree, run):
    physical = tree["truth/pv"] * tree["pv_scale"]
    expected = run.twin.truth.double() * run.twin.system.scale
    np.testing.assert_allclose(physical.values, expected, rtol=1e-6)
    assert tree["pv_scale"].attrs["units"] == "s-1" and tree["truth/pv"].attrs["units"] == "1"


def test_observations_stand_where_they_were_made(tree, run):
    seen = [tree[f"observations/{name}/observed"].values for name in ("arctan", "velocity")]
    joined = np.concatenate([s[~np.isnan(s)] for s in seen])
    np.testing.assert_array_equal(joined, run.twin.problem.data)
    assert np.isnan(seen[0][1]).all(), "nothing is observed between the intervals"
    node = tree["observations/velocity"]
    assert node["channel"].values.tolist() == ["u1", "u2", "v1", "v2"]
    assert (node.attrs["operator"], node.attrs["mask"]) == ("velocity", "stride:4")
    assert node.attrs["noise"] == node.attrs["assumed_noise"] == 0.1


def test_the_attributes_say_how_it_was_made(tree):
    about = tree.attrs
    assert config_of(tree) == CONFIG and about["config_hash"] == CONFIG.hash()
    assert (about["seed"], about["device"], about["status"]) == (0, "cpu", "complete")
    assert about["dalab_version"] == __version__ and about["torch_version"] == torch.__version__
    assert about["Conventions"].startswith("CF-")


@pytest.mark.parametrize("name", ["result.nc", "result.zarr"])
@pytest.mark.filterwarnings("error")
def test_a_file_gives_the_tree_back(tree, tmp_path, name):
    path = save(tree, tmp_path / "new" / name)
    back = load(path)
    assert back.identical(tree) and config_of(back) == CONFIG
    assert [p.name for p in path.parent.iterdir()] == [name], "nothing temporary is left"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["result.nc", "result.zarr"])
def test_a_file_is_replaced_only_by_a_complete_one(tree, tmp_path, name, monkeypatch):
    path = save(tree, tmp_path / name)
    save(tree, path)

    def fail(*args, **options):
        raise OSError("No space left on device")

    monkeypatch.setattr(xr.DataTree, "to_netcdf", fail)
    monkeypatch.setattr(xr.DataTree, "to_zarr", fail)
    with pytest.raises(OSError, match="No space"):
        save(tree, path)
    assert load(path).identical(tree)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_one_group_of_a_file_has_its_coordinates(tree, tmp_path):
    save(tree, tmp_path / "result.nc")
    with xr.open_dataset(tmp_path / "result.nc", group="truth", engine="h5netcdf") as truth:
        assert {"time", "lev", "y", "x"} == set(truth.coords)


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(InputError, match="must end in .nc or .zarr"):
        check_path(tmp_path / "result.txt")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        check_path(tmp_path / "file" / "result.nc")


def test_missing_broken_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="must exist"):
        load(tmp_path / "none.nc")
    (tmp_path / "broken.nc").write_text("no")
    with pytest.raises(InputError, match="must be a result that dalab wrote"):
        load(tmp_path / "broken.nc")
    xr.Dataset({"q": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="must have the format dalab-result-1"):
        load(tmp_path / "other.nc")


def test_one_member_has_no_spread(tmp_path):
    tree = execute(QUICK.replace(members=1))
    metrics = tree["metrics"].to_dataset().isel(method=0)
    assert np.isnan(metrics["spread_skill"]) and np.isnan(metrics["spread_steps"]).all()
    assert metrics["crps"] > 0 and metrics["rmse_mean"] == metrics["rmse_sample"]
    assert load(save(tree, tmp_path / "one.nc")).identical(tree)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_result_is_read_as_xarray_reads_it(suffix, tree, tmp_path):
    path = save(tree, tmp_path / f"result{suffix}")
    engine = "zarr" if suffix == ".zarr" else "h5netcdf"
    with xr.open_datatree(path, engine=engine, decode_timedelta=False) as stored:
        xr.testing.assert_identical(load(path), stored.load())
