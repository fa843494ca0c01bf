"""Places that results are written to: nothing but dalab's own results is ever replaced."""

from __future__ import annotations

import json
import re
import shutil
from collections import namedtuple

import h5py
import pytest
from typer.testing import CliRunner

import dalab
from dalab.cli import app
from dalab.errors import InputError
from dalab.experiments.results.output import check_result, check_scores, save_somewhere

CONFIG = dalab.Config(
    system="lorenz96", operators=["identity"], masks=["full"], methods=["climatology"], members=1,
    device="cpu",
)
RUN = [
    "run", "--system", "lorenz96", "--operator", "identity", "--mask", "full", "--method",
    "climatology", "--members", "1", "--device", "cpu",
]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def tree():
    return dalab.execute(CONFIG)


def refused(*arguments):
    shown = CliRunner().invoke(app, [*RUN, *map(str, arguments)])
    assert shown.exit_code == 2 and "CRPS" not in shown.output, "before any work"
    return " ".join(shown.output.split())


@pytest.mark.parametrize("name", ["data.nc", "notes.zarr"])
def test_a_folder_that_is_there_is_kept(tree, tmp_path, name):
    thesis = tmp_path / name / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("months of work")
    assert "must be new, or a result of dalab" in refused("--out", thesis.parent)
    with pytest.raises(InputError, match="must be new"):
        dalab.save(tree, thesis.parent)
    assert thesis.read_text() == "months of work"


@pytest.mark.parametrize("option", ["--out", "--json"])
def test_a_file_of_the_users_is_kept(tmp_path, option):
    path = tmp_path / ("mine.nc" if option == "--out" else "mine.json")
    path.write_text('{"mine": 1}')
    assert "must be new, or" in refused(option, path)
    assert path.read_text() == '{"mine": 1}'


def test_an_input_is_never_replaced(tree, tmp_path):
    """Not even where it is a result itself, or is named in another way."""
    path = dalab.save(tree, tmp_path / "truth.nc")
    (tmp_path / "link.nc").symlink_to(path)
    for name in ("truth.nc", "link.nc"):
        with pytest.raises(InputError, match="must not be a file that is read"):
            check_result(tmp_path / name, [path])
    config = tmp_path / "run.json"
    config.write_text(json.dumps({"config": CONFIG.to_dict(), "methods": {}, "dalab_version": ""}))
    shown = CliRunner().invoke(app, ["run", str(config), "--json", str(config)])
    assert shown.exit_code == 2 and "must not be a file that is read" in shown.output


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_an_earlier_result_is_replaced(tree, tmp_path, suffix):
    path = dalab.save(tree, tmp_path / f"run.{suffix}")
    assert check_result(path) == path
    dalab.save(tree, path)
    assert dalab.load(path).attrs["config_hash"] == CONFIG.hash()
    assert [p.name for p in tmp_path.iterdir()] == [path.name], "nothing else is left"


def test_coordinates_have_no_fill_value(tree, tmp_path):
    """The CF conventions forbid one: coordinates miss nothing."""
    found = []

    def note(name, thing):
        if isinstance(thing, h5py.Dataset) and "_FillValue" in thing.attrs:
            found.append(name.rsplit("/")[-1])

    with h5py.File(dalab.save(tree, tmp_path / "run.nc")) as file:
        file.visititems(note)
    assert found and not {"time", "lev", "y", "x", "member", "method"} & set(found)


UNITS = {"s", "day", "m", "s-1", "1", "1048576 byte"}
"""Units that UDUNITS knows, of systems and costs."""


@pytest.mark.parametrize("config", [CONFIG, CONFIG.replace(
    methods=["etkf:members=4"], cycles=6, burn_in=1, keep=2, background=0.1
)], ids=["window", "cycles"])
def test_everything_in_a_file_is_described_after_the_cf_conventions(config, tmp_path):
    """Names and units, as compliance-checker wants them of the group of each variable."""
    tree = dalab.load(dalab.save(dalab.execute(config), tmp_path / "run.nc"))
    assert tree.attrs["Conventions"] == "CF-1.11" and tree.attrs["source"].startswith("dalab ")
    assert re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}Z dalab .*", tree.attrs["history"])
    for node in tree.subtree:
        for name, values in node.variables.items():
            if values.dtype.kind in "OUT":
                continue
            assert values.attrs["long_name"], f"{node.path}/{name}"
            assert values.attrs["units"] in UNITS, f"{node.path}/{name}"


def test_scores_that_dalab_wrote_are_replaced(tmp_path):
    path = tmp_path / "run.json"
    for _ in range(2):
        assert CliRunner().invoke(app, [*RUN, "--json", str(path)]).exit_code == 0
    assert check_scores(path) == path


@pytest.mark.parametrize("option", ["--out", "--json"])
def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(option):
    name = "x.nc" if option == "--out" else "x.json"
    assert "must be in a folder that can be written to" in refused(option, f"/proc/{name}")


def test_a_full_disk_loses_neither_the_earlier_result_nor_the_new_one(tree, tmp_path, monkeypatch):
    earlier = dalab.save(tree, tmp_path / "disk" / "run.nc")
    before = earlier.read_bytes()
    usage = shutil.disk_usage
    monkeypatch.setattr(
        shutil, "disk_usage",
        lambda p: Usage(1, 1, 1000) if str(p).startswith(str(earlier.parent)) else usage(p),
    )
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(InputError, match="must have room for .*; the result is in ") as error:
        save_somewhere(tree, earlier)
    assert earlier.read_bytes() == before
    kept = str(error.value).partition("the result is in ")[2].partition(".nc")[0] + ".nc"
    assert dalab.load(kept).attrs["config_hash"] == CONFIG.hash()
