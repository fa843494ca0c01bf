"""Colours, words, layout and the preview thread."""

import subprocess
import sys
import threading
import time

import pytest

from dalab.experiments.run import MethodScores, Progress
from dalab.experiments.service.queue import QueuePosition
from dalab.methods import METHODS
from dalab.metrics.columns import format_score
from dalab.views.model.background import LatestTaskWorker
from dalab.views.pictures.grid_layout import HEIGHT, WIDTH, GridLayout
from dalab.views.pictures.score_rows import score_rows
from dalab.views.pictures.style import colour, dash, legend_glyph, marker, palette
from dalab.views.pictures.wording import (
    duration,
    progress_note,
    queue_line,
    score_note,
    status_line,
    time_left,
    wait,
)
from dalab.views.render.html import scores_html


@pytest.mark.slow
def test_the_view_model_imports_no_gui():
    code = """
import sys, dalab.views.model.lab
gui = {"panel", "bokeh", "holoviews", "ipywidgets", "matplotlib", "IPython"}
assert not gui & set(sys.modules), gui & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_methods_are_told_apart_by_colour_dash_or_marker_and_keep_their_looks():
    for other in (dash, marker):
        assert len({(colour(name), other(name)) for name in METHODS}) == len(METHODS)
    assert len({legend_glyph(name) for name in METHODS}) == len(METHODS)
    usual = ("spectral", "letkf", "oi", "kf", "climatology")
    for part in (colour, marker):
        assert len({part(name) for name in usual}) == len(usual), "one of each family"
    assert colour("spectral") == "#0072B2"
    assert colour("spectral-2") == colour("spectral") and dash("spectral-2") != dash("spectral")
    assert colour("a method of tomorrow").startswith("#")


def test_scales_are_centred_and_of_the_wanted_size():
    scale = palette("diverging", 255)
    red, blue = (int(scale[127][i : i + 2], 16) for i in (1, 5))
    assert len(scale) == 255 and abs(red - blue) < 20, "the middle is neutral"
    assert palette("sequential", 9)[0] == "#440154"
    assert all(len(c) == 7 for c in palette("diverging"))


@pytest.mark.parametrize("window", [(WIDTH, HEIGHT), (1548, 926), (1030, 770)])
@pytest.mark.parametrize("maps", range(3, 9))
def test_everything_fits_the_screen(maps, window):
    grid = GridLayout(maps, *window)
    used = 48 + grid.columns * (grid.size + 20)
    assert used <= window[0]
    assert grid.columns * grid.rows >= maps
    assert grid.rows * grid.height + grid.below <= window[1]
    assert grid.below >= 32 + 23 * (maps - 2), "a line for every method"
    assert grid.curves[0] >= 300 and grid.curves[1] >= 140
    if not grid.beside:
        assert grid.curves[0] + grid.table[0] <= window[0]


def test_a_larger_window_has_larger_maps():
    for maps in range(3, 9):
        assert GridLayout(maps, 1548, 926).size > 1.3 * GridLayout(maps).size


def test_status_line():
    progress = Progress("etkf", 1, 3, 0.45, 12.0, 15.2, "day 3")
    assert status_line("running", progress) == "etkf (2 of 3) · 45% · about 15 s left · day 3"
    assert status_line("done", progress) == "Done after 12 s"
    assert status_line("cancelled", progress) == "Stopped after 12 s"
    assert status_line("preparing", Progress()) == "Preparing truth and observations"
    early = status_line("preparing", Progress(remaining=44.0))
    assert early == "Preparing truth and observations · about 45 s left"


def test_the_time_left_is_as_exact_as_it_is_known():
    texts = [time_left(s) for s in (0.4, 8.7, 21, 59, 100, 1000, 7300)]
    assert texts[0] == "less than 1 s left" and [t.split("about ")[1] for t in texts[1:]] == [
        "9 s left", "20 s left", "1 min left", "1 min 40 s left", "17 min left", "2 h 2 min left"]


def test_only_a_running_method_has_a_share():
    notes = [progress_note(MethodScores(status, fraction=share)) for status, share in
             (("running", 0.42), ("running", 0.0), ("running", 1.0), ("complete", 1.0))]
    assert notes == ["42%", "", "", ""]


def test_a_place_in_line_is_said_in_round_numbers():
    assert [wait(s) for s in (0.2, 31, 95, 120, 121, 600)] == [
        "10 s", "40 s", "1 min 40 s", "2 min", "3 min", "10 min"]
    assert queue_line(QueuePosition(0, None)) == "Next in line"
    third = "3rd in line · about 1 min 10 s"
    assert queue_line(QueuePosition(2, 61.4)) == queue_line(QueuePosition(2, 69.9)) == third


def test_words_for_numbers():
    assert (duration(0.42), duration(12.3), duration(200)) == ("0.4 s", "12 s", "3 min 20 s")
    texts = [format_score(value) for value in (0.1234, 6e8, float("nan"))]
    assert texts == ["0.123", "6e+08", "–"]
    assert score_note("running", 0.5) == "RMSE 0.500"
    assert score_note("failed: too bold", None) == "failed: too bold"
    assert score_note("waiting", None) == "waiting" and score_note("", None) == "not run yet"


def test_score_rows_leave_out_methods_that_have_not_begun():
    import numpy as np

    begun = MethodScores("running", np.array([0.5, 0.7]), np.array([0.6, 0.8]), members=3)
    rows = score_rows({"spectral": begun, "oi": MethodScores()})
    assert list(rows) == ["spectral"] and rows["spectral"]["rmse_mean"] == pytest.approx(0.6)
    assert rows["spectral"]["crps"] != rows["spectral"]["crps"], "not known yet"
    assert "spectral" in scores_html(rows) and scores_html({}) == ""


def test_only_the_newest_job_counts():
    worker, gate, done = LatestTaskWorker("test"), threading.Event(), []

    def job(number):
        def work():
            gate.wait(10)
            done.append(number)
            return number
        return work

    for number in range(4):
        worker.submit(job(number))
    assert worker.busy and worker.take() is None
    gate.set()
    assert _taken(worker) == 3
    assert done in ([0, 3], [3]) and not worker.busy


def test_what_a_job_raises_is_its_answer():
    worker = LatestTaskWorker("test")

    def work():
        raise ValueError("no")

    worker.submit(work)
    assert isinstance(_taken(worker), ValueError)


def test_a_dropped_answer_is_gone():
    worker, gate = LatestTaskWorker("test"), threading.Event()
    worker.submit(lambda: gate.wait(10))
    worker.submit(lambda: 1)
    worker.drop()
    gate.set()
    assert not worker.busy
    worker.submit(lambda: 2)
    assert _taken(worker) == 2


def _taken(worker):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        answer = worker.take()
        if answer is not None:
            return answer
        time.sleep(0.01)
    raise AssertionError("no answer")
