"""Runs of a browser that outlive its pages: listed again, opened on request, seen by no other."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from dalab.experiments.results.saved_runs import SavedRuns
from dalab.experiments.results.stored_run import StoredRun
from dalab.views.model.history import Archive, archive, entries, saved_runs
from dalab.views.model.lab import UNSAVED
from dalab.views.render.exports import FORMATS
from dalab.views.render.html import status_html

from ..experiments.stubs import Waiting
from .conftest import GATED, RING, SMALL, done, running, settle


@pytest.fixture
def runs(tmp_path) -> SavedRuns:
    return SavedRuns(tmp_path / "runs")


@pytest.fixture
def page(opened, runs):
    """Opens pages of a browser."""
    def open_page(browser: str, presets=SMALL, **changes):
        model = opened(presets, **changes)
        model.belong_to(browser, Archive(runs, browser))
        return model

    return open_page


def written() -> None:
    """Wait until the runs that have ended are on disk."""
    archive._WORKER.submit(lambda: None).result(60)


def finish(model):
    model.run()
    done(model)
    written()
    return model


def estimate(model, name="stub") -> np.ndarray:
    return model.runs.result[f"estimates/{name}/pv"].values


def test_a_page_lists_the_runs_of_its_browser_and_opens_them(page):
    first = finish(page("ada"))
    first.controls.seed = 3
    finish(first)
    again = page("ada")
    assert [entry.title for entry in again.history] == ["Run 1", "Run 2"]
    assert [entry.about for entry in again.history] == [entry.about for entry in first.history]
    assert again.history[1].summary.scores["stub"].rmse_mean == pytest.approx(
        first.history[1].scores["stub"].rmse_mean
    )
    assert all(entry.observed_run is None for entry in again.history)
    assert again.shown_entry is None
    again.show(again.history[1])
    assert "Opening Run 2" in status_html(again)
    settle(again)
    assert again.controls.seed == 3 and again.runs.state == "done" and not again.opening
    assert again.shown_entry is again.history[1]
    np.testing.assert_array_equal(estimate(again), estimate(first))
    assert finish(again).history[-1].title == "Run 3"


def test_another_browser_sees_nothing(page):
    finish(page("ada"))
    assert page("grace").history == [] and page("").history == []


def test_without_a_name_nothing_is_written(page, runs):
    finish(page(""))
    assert not runs.folder.exists()


def test_a_run_that_is_stopped_is_there_as_far_as_it_came(page):
    model = running(page("ada", GATED))
    model.stop()
    Waiting.gate.set()
    written()
    [entry] = page("ada").history
    assert entry.summary.state == "cancelled"
    assert archive.open_entry(entry).scores["waiting"].status.startswith("cancelled")


def test_the_run_of_a_closed_page_is_there(page):
    kept = running(page("ada", GATED))
    kept.runs.keep_running = True
    kept.close()
    Waiting.gate.set()
    kept.runs.shown.run.join()
    written()
    [entry] = page("ada").history
    assert entry.summary.state == "done"


def test_a_run_that_is_found_again_is_listed_once(page):
    first = page("ada", GATED)
    Waiting.gate.set()
    first.runs.keep_running = True
    finish(first).close()
    again = page("ada", GATED)
    assert again.come_back(first.runs.session.key)
    [entry] = again.history
    assert entry is again.shown_entry and entry.run is first.runs.shown


def test_a_run_with_nothing_to_show_is_not_written(page, runs):
    running(page("ada", GATED))
    second = page("ada")
    second.run()
    second.stop()
    written()
    assert runs.of("ada") == []


def test_deleted_runs_are_removed_from_the_disk(page):
    model = finish(page("ada"))
    finish(model)
    model.forget(model.history[:1])
    written()
    assert [entry.title for entry in page("ada").history] == ["Run 2"]
    again = page("ada")
    again.forget(again.history)
    written()
    assert page("ada").history == []


def test_a_disk_without_room_is_one_remark(page, runs):
    model = page("ada")
    runs.space = 1
    finish(model)
    settle(model)
    assert model.runs.state == "done" and model.remark == UNSAVED and len(model.history) == 1
    assert UNSAVED in status_html(model) and model.notice == model.error == ""
    model.controls.seed = 5
    assert model.remark == ""


def test_a_run_whose_file_is_gone_cannot_be_opened(page, runs):
    finish(page("ada"))
    again = page("ada")
    shutil.rmtree(runs.folder)
    again.show(again.history[0])
    settle(again)
    assert again.notice.startswith("Run 1 cannot be opened.") and again.runs.shown is None


def test_a_run_of_another_window_needs_another_page(page):
    finish(page("ada", window=20))
    again = page("ada")
    with pytest.raises(ValueError, match="Add window=20"):
        again.show(again.history[0])


def test_files_are_listed_again(page):
    run = StoredRun(finish(page("ada")).runs.result)
    model = page("ada")
    model.add_file(run, "mine.nc")
    written()
    assert [entry.title for entry in page("ada").history] == ["Run 1", "mine.nc"]


def test_runs_of_another_version_are_left_out(page, runs, monkeypatch):
    finish(page("ada"))
    monkeypatch.setattr(entries.RunSummary, "from_dict", lambda values: values["missing"])
    assert page("ada").history == []


def test_what_takes_too_much_memory_stays_on_disk(page, monkeypatch):
    model = finish(page("ada"))
    monkeypatch.setattr(entries, "MEMORY", 1)
    finish(model)
    assert [entry.observed_run is None for entry in model.history] == [True, False]


def test_a_saved_run_is_exported_without_opening_it(page):
    finish(page("ada"))
    [entry] = page("ada").history
    display = page("ada").display.state
    assert FORMATS["csv"].make(archive.open_entry(entry), display).startswith(b"method")


def test_a_cycled_run_is_listed_and_opened(page):
    model = page("ada", RING, cycles=30)
    model.run()
    settle(model)
    written()
    again = page("ada", RING)
    again.show(again.history[0])
    settle(again)
    assert again.runs.state == "done" and again.controls.cycles == 30
    assert again.display.cycles.last == model.display.cycles.last
    assert not again.runs.can_continue


def test_the_folder_is_the_one_named(tmp_path, monkeypatch):
    assert saved_runs("none") is saved_runs("") is None
    assert saved_runs(str(tmp_path)).folder == tmp_path
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert saved_runs(None).folder == tmp_path / "dalab/runs"
