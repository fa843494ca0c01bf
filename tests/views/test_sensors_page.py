"""The Sensors page without a server: strokes, fields, and the value of one more sensor."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("panel")

from dalab.views.model.display import OBSERVATIONS
from dalab.views.model.sensor_mask import ERASE, ONCE, TRUTH, VALUE
from dalab.views.panel.pages.sensors import LEAST, NO_RUN, SensorsPage, sensors_page

from .conftest import settle  # noqa: E402

pytestmark = pytest.mark.lab


@pytest.fixture
def page(model) -> SensorsPage:
    made = sensors_page(model)
    made.set_active(True)
    return made


def drag(page: SensorsPage, *points: tuple[float, float]) -> None:
    """What the browser sends at the end of a drag, in the units of the axes."""
    page.map.gesture.data = {"x": [x for x, _ in points], "y": [y for _, y in points]}


def press(page: SensorsPage, name: str) -> None:
    page.buttons[name].clicks += 1


def dots(page: SensorsPage) -> int:
    return len(page.map.sensors.data["x"])


def until(page: SensorsPage, condition) -> None:
    """Let page and model go on until something is true."""
    settle(page.model, lambda: page.poll() or condition())


def test_the_sensors_of_the_chosen_mask_are_on_the_map(page):
    assert dots(page) == 1024 and "day 4: 1024 of 4096 cells (25.0 %)" in page.legend.object
    page.model.controls.mask = "stride"
    page.poll()
    assert dots(page) == 256
    assert page.map.sensors.data["x"][:2] == pytest.approx([7.8125, 70.3125]), "middles, in km"


def test_what_is_painted_is_what_is_observed(page):
    press(page, "Clear")
    assert dots(page) == 0 and page.model.controls.mask == "painted"
    page.editor.tool = "box"
    drag(page, (100, 200), (300, 500))
    assert dots(page) == 14 * 20
    page.editor.effect = ERASE
    drag(page, (200, 100), (400, 600))
    assert dots(page) == 6 * 20
    settle(page.model)
    seen = page.model.display.field_plot(OBSERVATIONS)
    assert np.isfinite(seen.values).sum() == 120 and not page.model.error
    press(page, "Undo")
    assert dots(page) == 280


def test_a_stroke_is_that_of_the_tool_that_the_browser_had(page):
    press(page, "Clear")
    page.map.gesture.tags = ["box", "add"]
    drag(page, (100, 200), (300, 500))
    page.map.gesture.tags = ["box", "erase"]
    drag(page, (200, 100), (400, 600))
    assert dots(page) == 6 * 20 and page.editor.tool == "box" and page.editor.erases


def test_the_keyboard_paints_a_rectangle(page):
    press(page, "Clear")
    page.editor.param.update(west=0.0, east=500.0, south=250.0, north=500.0)
    press(page, "Paint rectangle")
    assert dots(page) == 32 * 16
    page.editor.effect = ERASE
    page.editor.param.update(west=-100.0, east=2000.0, south=400.0, north=300.0)
    press(page, "Paint rectangle")
    assert dots(page) == 32 * 16 - 32 * 7, "in any order, and no further than the map"


def test_tracks_move_and_one_time_alone_can_be_painted(page):
    press(page, "Clear")
    page.editor.param.update(tool="track", drift=4, width=1.0)
    drag(page, (10, 10), (10, 990))
    assert dots(page) == 64
    assert page.map.sensors.data["x"][0] == pytest.approx((4 * 4 + 0.5) * 15.625), "day 4"
    page.editor.param.update(tool="brush", when=ONCE)
    drag(page, (700, 700))
    assert dots(page) == 65
    page.model.display.time = 5
    assert dots(page) == 64


def test_times_without_observations_are_told(page):
    page.model.controls.interval = 3
    page.model.display.time = 4
    page.poll()
    assert "no observations at this time" in page.legend.object
    page.model.display.time = 3
    assert "no observations" not in page.legend.object


def test_before_a_run_there_is_no_value(page):
    press(page, "Show value")
    assert page.editor.backdrop == VALUE and NO_RUN in page.message.object
    assert page.buttons["Add best"].disabled and len(page.map.best.data["x"]) == 0


def test_where_next_after_a_run(page):
    model = page.model
    model.controls.mask = "stride"
    model.run()
    until(page, lambda: model.runs.state == "done")
    press(page, "Show value")
    until(page, lambda: page.value is not None)
    share = page.value.share
    assert share.shape == (64, 64) and share.max() > 0
    assert (share[::8, ::8] == 0).any() and (share[::4, ::4] == 0).all(), "observed already"
    assert np.array_equal(page.map.field.data["image"][0], share.astype(np.float32))
    assert page.editor.param.method.objects == ["spectral", "oi"]
    assert len(page.map.best.data["x"]) == 1 and "at the star" in page.message.object
    before = page.painting.cells.sum()
    press(page, "Add best 10")
    until(page, lambda: dots(page) == 266)
    assert page.painting.cells.sum() == before + 90, "ten cells, every day"
    assert page.value.share.max() < share.max(), "what is left to gain"
    requested = page.value
    page.editor.method = "oi"
    until(page, lambda: page.value is not requested)
    assert page.value.query.method == "oi"
    model.controls.param.update(system="lorenz96", operators=["identity"], mask="full")
    until(page, lambda: "Press Run" in page.message.object)
    assert page.value is None


@pytest.mark.parametrize("system, plane", [("lorenz96", (9, 40)), ("lorenz63", (9, 1))])
def test_rows_of_sites_are_painted_over_time(page, system, plane):
    page.model.controls.param.update(system=system, operators=["identity"], mask="painted")
    settle(page.model, lambda: page.poll() or not page.model.pending)
    assert page.map.plane == plane and dots(page) == 0
    page.editor.tool = "box"
    drag(page, (0, 0), (plane[1], 9))
    assert dots(page) == 9 * plane[1] and not page.model.error
    assert page.map.field.data["image"][0].shape == plane


def test_the_map_uses_the_room(page):
    page.resize(1500, 1000)
    assert page.map.figure.frame_width == page.map.figure.frame_height == page.map.size > 700
    page.resize(100, 100)
    assert page.map.size == LEAST


def test_nothing_is_drawn_behind_another_page(page):
    page.set_active(False)
    page.model.controls.mask = "full"
    page.poll()
    assert dots(page) == 1024
    page.set_active(True)
    assert dots(page) == 4096


def test_methods_can_be_painted_over(page):
    assert page.editor.param.backdrop.objects == [TRUTH, "spectral", "oi", VALUE]
    page.model.controls.methods = ["oi"]
    page.editor.backdrop = "oi"
    assert "oi" in page.map.title.text
    page.model.controls.methods = ["spectral"]
    page.poll()
    assert page.editor.backdrop == TRUTH
