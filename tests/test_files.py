"""Files and folders that are never seen half written."""

from __future__ import annotations

import pytest

from dalab.files import replacing


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


def test_the_other_name_may_be_chosen(tmp_path):
    with replacing(tmp_path / "step-1", tmp_path / "unfinished") as new:
        assert new == tmp_path / "unfinished"
        new.write_text("x")
    assert [file.name for file in tmp_path.iterdir()] == ["step-1"]
