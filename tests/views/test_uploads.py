"""Files that are brought to the lab: what is taken, and what is refused and why."""

import h5py
import numpy as np
import pytest
import xarray as xr

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.results.store import save
from dalab.experiments.results.stored_run import StoredRun
from dalab.systems import SYSTEMS
from dalab.views.model import upload_folder, uploads
from dalab.views.model.uploads import Upload, read_upload

CONFIG = Config(window=3, masks=("random",))


def arrived(path, name=None, piece=1 << 16):
    """The upload of a file, in pieces."""
    content = path.read_bytes()
    upload = Upload(name or path.name, len(content))
    pieces = [content[at : at + piece] for at in range(0, len(content), piece)]
    ends = [upload.add(part) for part in pieces]
    assert ends == [False] * (len(pieces) - 1) + [True]
    return upload


def truth(tmp_path, **changes):
    """A truth of one's own on the grid of the usual system."""
    system = SYSTEMS.make("qg64")
    values = np.random.default_rng(0).normal(size=(4, *system.shape)) * system.scale.numpy()
    q = (("time", "lev", "y", "x"), changes.pop("values", values), {"units": "s^-1"})
    time = ("time", np.arange(4) * system.interval, {"units": "s"})
    path = tmp_path / "mine.nc"
    xr.Dataset({changes.pop("variable", "q"): q}, {"time": time}).to_netcdf(path, engine="h5netcdf")
    return path


def test_a_stored_run_is_recognised(finished, tmp_path):
    upload = arrived(save(finished.runs.result, tmp_path / "run.nc"))
    found = read_upload(upload, CONFIG)
    assert isinstance(found, StoredRun) and found.config == finished.config
    assert not upload.path.exists(), "it is in memory now"


def test_a_truth_that_fits_becomes_the_truth(tmp_path):
    upload = arrived(truth(tmp_path), name="../my truth; x.nc")
    path = read_upload(upload, CONFIG)
    assert path == upload.path and path.read_bytes() == (tmp_path / "mine.nc").read_bytes()
    assert path.name == "my-truth-x.nc"


@pytest.mark.parametrize("name, size, words", [
    ("run.pkl", 10, ["run.pkl", ".nc"]), ("run", 10, ["run", ".nc"]), ("run.nc", 0, ["0", "above"]),
    ("run.nc", uploads.MOST + 1, ["268.4", "at most 268", "fewer members"]),
])
def test_what_cannot_be_a_result_is_refused_before_it_is_sent(name, size, words):
    with pytest.raises(InputError) as error:
        Upload(name, size)
    for word in words:
        assert word in str(error.value)


def test_a_file_longer_than_it_said_is_refused():
    upload = Upload("run.nc", 10)
    with pytest.raises(InputError, match="must be 10"):
        upload.add(b"x" * 11)
    assert not upload.path.exists()


def refused(path, **keywords):
    """The words with which a file is refused; it is gone then."""
    upload = arrived(path, **keywords)
    with pytest.raises(InputError) as error:
        read_upload(upload, CONFIG)
    assert not upload.path.exists()
    assert str(upload.path) not in str(error.value), "the person knows it by another name"
    return str(error.value)


def test_text_and_truncated_files_are_refused(finished, tmp_path):
    (tmp_path / "text.nc").write_text("import os")
    assert "text.nc" in refused(tmp_path / "text.nc")
    whole = save(finished.runs.result, tmp_path / "whole.nc").read_bytes()
    (tmp_path / "half.nc").write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refused(tmp_path / "half.nc")
    (tmp_path / "classic.nc").write_bytes(b"CDF\x01 nothing more")
    assert "classic.nc" in refused(tmp_path / "classic.nc")


def test_a_truth_on_another_grid_is_refused_with_the_remedy(tmp_path):
    coarse = np.ones((4, 2, 32, 32))
    assert "(2, 64, 64)" in refused(truth(tmp_path, values=coarse))
    assert "variable q" in refused(truth(tmp_path, variable="pv"))


def test_what_would_burst_when_unpacked_is_refused(tmp_path):
    with h5py.File(tmp_path / "bomb.nc", "w") as file:
        file.create_dataset("q", (1 << 18, 1 << 14), "f8", chunks=(1 << 10, 1 << 10),
                            compression="gzip")
    assert "unpacked" in refused(tmp_path / "bomb.nc")


def test_what_points_outside_of_the_file_is_refused(tmp_path):
    with h5py.File(tmp_path / "link.nc", "w") as file:
        file["q"] = h5py.ExternalLink("/etc/other.h5", "q")
    assert "in the file itself" in refused(tmp_path / "link.nc")
    (tmp_path / "secret").write_bytes(bytes(64))
    with h5py.File(tmp_path / "raw.nc", "w") as file:
        file.create_dataset("q", (8,), "f8", external=[(str(tmp_path / "secret"), 0, 64)])
    assert "in the file itself" in refused(tmp_path / "raw.nc")


def test_a_result_that_does_not_hold_together_is_refused(finished, tmp_path):
    tree = finished.runs.result.copy(deep=True)
    tree.attrs["config"] = tree.attrs["config"].replace("qg64", "qg46")
    assert "qg64" in refused(save(tree, tmp_path / "run.nc"))


def test_only_so_many_files_are_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(upload_folder, "FILES", 2)
    (tmp_path / "any.nc").write_text("any")
    entry = [arrived(tmp_path / "any.nc") for _ in range(4)]
    assert [upload.path.exists() for upload in entry][-2:] == [True, True]
    assert not entry[0].path.exists()


def test_the_files_of_a_session_push_out_no_others(tmp_path):
    (tmp_path / "any.nc").write_text("any")
    mine = Upload("any.nc", 3, "me")
    mine.add(b"any")
    for _ in range(3 * upload_folder.FILES):
        Upload("any.nc", 3, "other").add(b"any")
    assert mine.path.exists() and "me" not in mine.path.parts
    theirs = mine.path.parents[2].glob("*/*/any.nc")
    assert sum(path != mine.path for path in theirs) <= 2 * upload_folder.FILES


def test_without_space_no_file_is_taken_and_none_is_lost(monkeypatch):
    mine = Upload("any.nc", 3, "me")
    mine.add(b"any")
    monkeypatch.setattr(upload_folder, "SPACE", 3)
    with pytest.raises(InputError, match="files of all sessions"):
        Upload("any.nc", 3, "other")
    assert mine.path.exists()
    monkeypatch.setattr(upload_folder, "KEPT", -1)
    assert Upload("any.nc", 3, "other").path and not mine.path.exists()
