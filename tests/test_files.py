"""Files and folders that are never seen half written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dalab.errors import InputError
from dalab.files import locked, remove_leftovers, replacing, unfinished_folder


def test_a_file_takes_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("old")
    with replacing(path) as new:
        new.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_what_was_there_and_the_next_write_removes_its_traces(tmp_path):
    path = tmp_path / "state"
    path.mkdir()
    (path / "a").write_text("old")
    with pytest.raises(KeyError), replacing(path) as new:
        new.mkdir()
        (new / "b").write_text("half")
        raise KeyError
    assert [file.name for file in path.iterdir()] == ["a"]
    with replacing(path) as new:
        new.mkdir()
        (new / "c").write_text("new")
    assert [file.name for file in path.iterdir()] == ["c"] and list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_a_file_and_the_other_way_round(tmp_path):
    path = tmp_path / "state"
    path.write_text("old")
    with replacing(path) as new:
        new.mkdir()
    assert path.is_dir()
    with replacing(path) as new:
        new.write_text("new")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


KILLED = """
import os, pathlib, signal, sys, dalab.files as files
def kill(*arguments): os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "moving":
    os.replace = kill
with files.replacing(pathlib.Path(sys.argv[1])) as new:
    new.mkdir()
    (new / "a").write_text("half")
    if sys.argv[2] == "writing":
        kill()
"""


@pytest.mark.parametrize("when", ["writing", "moving"])
def test_a_kill_leaves_what_was_there_and_the_next_start_removes_its_traces(tmp_path, when):
    path = tmp_path / "state"
    path.mkdir()
    (path / "a").write_text("old")
    command = [sys.executable, "-c", KILLED, str(path), when]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == (1 if when == "moving" else 2)
    remove_leftovers(tmp_path)
    assert (path / "a").read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_only_leftovers_of_the_dead_are_removed(tmp_path):
    """Neither those of running processes, nor folders of other programs, nor what is just made."""
    mine, fresh = tmp_path / ".dalab-notes", tmp_path / ".dalab-x.part"
    mine.mkdir()
    fresh.mkdir()
    with unfinished_folder(tmp_path) as folder:
        remove_leftovers(tmp_path)
        assert set(tmp_path.iterdir()) == {mine, fresh, folder}
    os.utime(fresh, (0, 0))
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]


def test_a_folder_is_of_one_process_until_it_ends(tmp_path):
    code = (
        "import dalab.files, pathlib, sys, time\n"
        "with dalab.files.locked(pathlib.Path(sys.argv[1]), 'folder'):\n"
        "    print('locked', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "locked\n"
    with pytest.raises(InputError, match="must not be in use"), locked(tmp_path, "folder"):
        pass
    other.kill()
    other.wait()
    with locked(tmp_path, "folder"):
        with pytest.raises(InputError, match="must not be in use"), locked(tmp_path, "folder"):
            pass
    with locked(tmp_path, "folder"):
        pass


def test_a_folder_that_cannot_be_written_to_is_refused():
    with pytest.raises(InputError, match="cannot be written to"), locked(Path("/proc/x"), "folder"):
        pass
