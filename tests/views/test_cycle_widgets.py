"""Cycled runs in both interfaces, without a server or a browser."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image

pn = pytest.importorskip("panel")
ipw = pytest.importorskip("ipywidgets")

from dalab.experiments.config import CYCLED  # noqa: E402
from dalab.metrics.columns import COLUMNS, CYCLED_COLUMNS  # noqa: E402
from dalab.metrics.table import html_table  # noqa: E402
from dalab.terminal import show_scores  # noqa: E402
from dalab.views.jupyter.lab import Lab  # noqa: E402
from dalab.views.panel.components.picker import Picker  # noqa: E402
from dalab.views.panel.pages.assimilate import AssimilatePage  # noqa: E402
from dalab.views.panel.sidebar import sidebar  # noqa: E402
from dalab.views.panel.toolbar import PAUSE, PLAY, CyclePlayer  # noqa: E402
from dalab.views.pictures.axes import Axes, Axis  # noqa: E402
from dalab.views.render.html import scores_html  # noqa: E402

from .conftest import RING, end, settle  # noqa: E402

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module", autouse=True)
def extension():
    pn.extension()


@pytest.fixture
def page(cycled):
    return AssimilatePage(cycled)


# --- the page -------------------------------------------------------------------------------------


def test_the_switch_brings_the_fields_of_cycles_and_takes_them_away(opened):
    model = opened()
    layout = sidebar(model)
    [switch] = layout.select(pn.widgets.RadioButtonGroup)
    [cycles] = [w for w in layout.select(pn.widgets.IntInput) if w.label == "Cycles"]
    drawer = next(
        c for c in layout.select(pn.Column) if cycles in c.select() and c.visible is False
    )
    assert switch.value is False and not model.config.cycles
    switch.value = True
    assert model.controls.use_cycles and drawer.visible and model.config.cycles == cycles.value
    labels = {w.label for w in drawer.select(pn.widgets.Widget)}
    assert {model.controls.param[name].label for name in CYCLED} | {"Continue"} == labels
    model.controls.use_cycles = False
    assert switch.value is False and not drawer.visible


def test_the_page_offers_the_truths_of_cycles_and_says_what_it_left_out(opened):
    model = opened(system="qg64", truth="pyqg", methods=["oi"])
    layout = sidebar(model)
    [truth] = [w for w in layout.select(pn.widgets.Select) if w.label == "Truth"]
    note = next(p for p in layout.select(pn.pane.HTML) if "lab-left-out" in str(p.object))
    [picker] = [p for p in layout.select(Picker) if p.label == "Methods"]
    assert truth.value == "pyqg" and not note.visible and "persistence" not in picker.unavailable
    model.controls.use_cycles = True
    assert truth.options == ["model", "model-fine", "file"] and truth.value == "model"
    assert note.visible and "truth pyqg" in note.object and not model.error
    assert "persistence" in picker.unavailable
    model.controls.noise = 0.2
    assert note.visible, "it stays until the choices that it is about change"
    truth.value = "model-fine"
    assert not note.visible and model.config.truth == "model-fine"


def test_a_cycled_run_fills_maps_curves_ranks_and_table(page, cycled):
    charts = page.cycle_charts
    assert page.maps["etkf"].source.data["image"][0].shape == (64, 40)
    error = cycled.runs.shown.run.recorders["etkf"].series["rmse_analysis"][0]
    np.testing.assert_array_equal(charts.curves.sources["etkf"]["error"].data["y"], error)
    assert len(charts.ranks.source.data["ys"][0]) == 25
    assert charts.curves.burn_in.right == 18 and charts.curves.figure.x_range.end == 90
    assert charts.curves.marker.location == 90 and charts.curves.marker.visible
    assert None not in page.table.rows[0]["values"]


def test_page_widget_terminal_and_notebook_write_the_same_scores(page, cycled, capsys):
    [row], tree = page.table.rows, cycled.runs.result
    mean, error = (float(tree["metrics"][name][0]) for name in ("rmse_mean", "rmse_mean_err"))
    titles = [column["title"] for column in page.table.columns]
    assert titles[1:4] == ["RMSE analysis", "RMSE forecast", "CRPS"]
    assert row["texts"][0] == f"{mean:.3f} ± {error:.3f}"
    assert [text.count("±") for text in row["texts"]][:4] == [1, 1, 1, 0]
    show_scores(tree)
    for written in (capsys.readouterr().out, html_table(tree),
                    scores_html(cycled.display.scores(), cycled=True)):
        assert all(text in written for text in row["texts"] if "±" in text)


def test_the_columns_of_the_table_follow_the_kind_and_the_room(page, cycled):
    def titles() -> list[str]:
        return [column["title"] for column in page.table.columns[1:]]

    page.table.set_size((570, 200), ["etkf"], cycled=True)
    assert "Spread" not in titles() and "Seconds" in titles()
    cycled.controls.use_cycles = False
    settle(cycled, lambda: page.poll() or not cycled.pending)
    assert titles() == [column.title for column in COLUMNS]
    cycled.controls.use_cycles = True
    settle(cycled, lambda: page.poll() or not cycled.pending)
    assert titles() == [column.title for column in CYCLED_COLUMNS]


def test_a_window_hides_the_charts_of_cycles_and_keeps_them(page, cycled):
    charts = page.cycle_charts
    assert not page.curves_pane.visible and charts.pane.visible and charts.ranks.pane.visible
    cycled.controls.use_cycles = False
    settle(cycled, lambda: page.poll() or not cycled.pending)
    assert page.curves_pane.visible and not charts.pane.visible and not charts.ranks.pane.visible
    cycled.controls.use_cycles = True
    settle(cycled, lambda: page.poll() or not cycled.pending)
    assert page.cycle_charts is charts and charts.pane.visible


def test_nothing_is_sent_where_nothing_is_new(page):
    sent = []
    for source in (*page.cycle_charts.curves.sources["etkf"].values(),
                   page.cycle_charts.ranks.source, page.maps["etkf"].source):
        source.on_change("data", lambda attr, old, new: sent.append(attr))
    page.show({*page.maps, "curves"})
    assert not sent


def test_the_map_of_an_attractor_has_axes_of_its_own(page):
    shown, attractor = page.maps["truth"], Axis(-3.0, 3.0, (-3.0, 0.0, 3.0), "0", "x")
    shown._set_axes(Axes(attractor, attractor, "attractor"))
    assert shown.figure.x_range is not page.maps["etkf"].figure.x_range
    assert (shown.figure.x_range.start, shown.figure.y_range.end) == (-3, 3)
    assert shown.figure.xaxis[0].major_label_overrides == {0: "0"}
    page.arrange()
    assert shown.figure.x_range is page.maps["etkf"].figure.x_range


@pytest.fixture
def player(cycled, monkeypatch):
    made = CyclePlayer(cycled.display.cycles)
    for name in ("start", "stop"):
        running = name == "start"
        monkeypatch.setattr(
            made._clock, name, lambda running=running: made._clock.param.update(running=running)
        )
    yield made
    cycled.display.cycles.position = 0


def test_the_slider_looks_back_and_its_end_follows_the_newest(player, cycled):
    cycles = cycled.display.cycles
    assert (player.slider.start, player.slider.end, player.slider.value) == (1, 90, 90)
    player.slider.value = 40
    assert cycles.position == cycles.shown == 40
    player.slider.value = 90
    assert cycles.position == 0 and cycles.shown == 90


def test_play_goes_through_the_cycles_kept_and_stops_at_the_newest(player, cycled):
    player.play.clicks += 1
    assert cycled.display.cycles.shown == 1 and player.play.label == PAUSE
    seen = []
    while player._clock.running:
        player.step()
        seen.append(cycled.display.cycles.shown)
    assert seen == list(range(2, 91)) and player.play.label == PLAY
    assert cycled.display.cycles.position == 0


def test_a_range_that_moves_moves_the_slider_and_not_what_is_shown(player, cycled):
    cycles = cycled.display.cycles
    for position, shown in ((0, 20), (5, 12)):
        cycles.position = position
        cycles.param.update(first=12, last=20)
        assert player.slider.value == cycles.shown == shown and cycles.position == position
        cycles.param.update(first=1, last=90)


# --- the notebook ---------------------------------------------------------------------------------


def every(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from every(child)


def named(lab, name: str):
    return next(w for w in every(lab) if getattr(w, "description", "") == name)


def by_hand(lab) -> None:
    """Draw updates until no more are expected, as the widget's task does."""
    deadline = time.monotonic() + 60
    while lab.model.pending:
        assert time.monotonic() < deadline
        lab.refresh()
        time.sleep(0.02)


@pytest.fixture
def lab():
    made = Lab(**RING)
    yield made
    end(made.model)


def test_the_widget_runs_looks_back_and_continues(lab):
    run, longer = named(lab, "Run"), named(lab, "Continue")
    slider = named(lab, "Cycle")
    play = next(w for w in every(lab) if isinstance(w, ipw.Play) and w.interval == 100)
    by_hand(lab)
    before = bytes(lab._image.value)
    assert longer.disabled and slider.disabled
    run.click()
    by_hand(lab)
    newest = bytes(lab._image.value)
    assert newest != before and "etkf" in lab._table.value and not longer.disabled
    assert (slider.min, slider.max, slider.value, play.value) == (1, 90, 90, 90)
    slider.value = 30
    lab.refresh()
    assert lab.model.display.cycles.shown == play.value == 30 and lab._image.value != newest
    play.value = 90
    lab.refresh()
    assert lab.model.display.cycles.position == 0 and lab._image.value == newest
    longer.click()
    by_hand(lab)
    assert lab.cycles == 180 and lab.model.runs.state == "done" and slider.max == 180


def test_the_widget_offers_the_truths_of_cycles_and_says_what_it_left_out(lab):
    lab.cycles = None
    truth = named(lab, "Truth")
    lab.model.controls.param.update(system="qg64", operators=["arctan"])
    seen = []
    truth.observe(lambda change: seen.append(change.new), "value")
    lab.model.controls.truth = "pyqg"
    lab.model.controls.use_cycles = True
    assert seen == ["pyqg", "model"] and truth.options == ("model", "model-fine", "file")
    [note] = [w for w in every(lab) if isinstance(w, ipw.HTML) and "truth pyqg" in w.value]
    assert note.layout.display == "" and named(lab, "persistence").disabled
    truth.value = "model-fine"
    assert note.layout.display == "none" and lab.truth == "model-fine"


def test_the_widget_switches_between_window_and_cycles(lab):
    switch = next(w for w in every(lab) if isinstance(w, ipw.ToggleButtons))
    cycles, day = named(lab, "Cycle"), named(lab, "Step")
    by_hand(lab)
    height = Image.open(io.BytesIO(lab._image.value)).height
    switch.value = False
    by_hand(lab)
    assert lab.cycles is None and day.layout.display == ""
    assert Image.open(io.BytesIO(lab._image.value)).height != height
    lab.cycles = 40
    assert switch.value is True and day.layout.display == "none"
    assert named(lab, "Cycles").value == "40" or named(lab, "Cycles").value == 40
    assert cycles.disabled, "there is no run yet"
