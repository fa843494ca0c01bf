"""The observing system painted with a mouse in a real browser."""

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]

FRAME = """() => {
  const models = Array.from(Bokeh.documents[0]._all_models.values())
  const plot = models.find(m => m.type == 'Figure' && m.renderers.some(
    r => r.data_source && r.data_source.name == 'sensor map'))
  const view = plot && Bokeh.index.find_one(plot)
  if (!view) return null
  const {left, top} = view.canvas_view.el.getBoundingClientRect()
  const {x0, y0, x1, y1} = view.frame.bbox
  return x1 > x0 ? [left + x0, top + y0, left + x1, top + y1] : null
}"""

COUNT = """(name) => {
  const found = Array.from(Bokeh.documents[0]._all_models.values()).filter(m => m.name == name)
  return found.length == 1 ? found[0].data.x.length : null
}"""


class Canvas:
    """The map that sensors are painted on.

    Args:
        lab: the page, with its Sensors tab in front.
    """

    def __init__(self, lab):
        self.lab, self.mouse = lab, lab.page.mouse
        turn(lab, "Sensors")
        self.frame = lab.wait(lambda: lab.page.evaluate(FRAME), "the map")
        self.wait_for(1024)

    def wait_for(self, count):
        """Wait for a number of sensors on the map."""
        self.lab.wait(lambda: self.count() == count, f"{count} sensors")

    def count(self, name="sensors"):
        return self.lab.page.evaluate(COUNT, name)

    def spot(self, x, y):
        """Where a point of the map, in shares of its sides, is on the screen."""
        left, top, right, bottom = self.frame
        return left + x * (right - left), bottom - y * (bottom - top)

    def drag(self, *points):
        self.mouse.move(*self.spot(*points[0]))
        self.mouse.down()
        for point in points[1:]:
            self.mouse.move(*self.spot(*point), steps=10)
        assert self.count("stroke") > 1, "the stroke is seen while it is drawn"
        self.mouse.up()


def test_click_drag_erase_and_run_with_what_was_painted(lab):
    lab.wait(lambda: lab.observed() == 1024, "observations")
    canvas = Canvas(lab)
    lab.press("Clear")
    canvas.wait_for(0)

    canvas.mouse.click(*canvas.spot(32.5 / 64, 32.5 / 64))
    lab.wait(lambda: canvas.count() > 0, "a click to paint")
    lab.press("Undo")
    canvas.wait_for(0)

    lab.press("box")
    canvas.drag((4.5 / 64, 8.5 / 64), (19.5 / 64, 23.5 / 64))
    canvas.wait_for(16 * 16)
    lab.press("erase")
    canvas.drag((10.5 / 64, 1.5 / 64), (30.5 / 64, 15.5 / 64))
    canvas.wait_for(16 * 16 - 10 * 8)

    lab.press("lasso")
    lab.page.get_by_role("button", name="add", exact=True).click()
    canvas.drag((0.5, 0.5), (0.9, 0.5), (0.9, 0.9), (0.5, 0.9))
    lab.wait(lambda: canvas.count() > 176 + 300, "a lasso to paint")
    painted = canvas.count()
    assert lab.page.get_by_label("Where", exact=True).input_value() == "painted"

    turn(lab, "Assimilate")
    lab.wait(lambda: lab.observed() == painted, "the observations of what was painted")
    run(lab)
    assert lab.observed() == painted and "differ" not in lab.says


def test_a_rectangle_can_be_painted_from_the_keyboard(lab):
    canvas = Canvas(lab)
    lab.press("Clear")
    canvas.wait_for(0)
    for label, value in {"x from": "0", "x to": "500", "y from": "500", "y to": "750"}.items():
        lab.type(label, value)
    button = lab.page.get_by_role("button", name="Paint rectangle")
    button.focus()
    button.press("Enter")
    canvas.wait_for(32 * 16)


SHARE = """() => Array.from(Array.from(
  Bokeh.documents[0]._all_models.values()).find(m => m.name == 'sensor map').data.image[0])"""


def test_where_next_after_a_run(lab):
    canvas = Canvas(lab)
    lab.choose("Where", "stride")
    canvas.wait_for(256)
    lab.press("Show value")
    lab.page.get_by_text(re.compile("Press Run")).first.wait_for()
    run(lab)
    lab.page.get_by_text(re.compile("A sensor at the star removes")).wait_for()
    lab.page.wait_for_function(f"() => ({SHARE})().length == 4096")
    share = lab.page.evaluate(SHARE)
    assert len(share) == 4096 and max(share) > 0 and min(share) == 0
    assert canvas.count("best place") == 1
    lab.press("Add best 10")
    canvas.wait_for(266)


def turn(lab, page):
    lab.page.get_by_role("tab", name=page).click()


def run(lab):
    """A run that ends soon, from start to end."""
    for name in ("letkf", "oi"):
        lab.tick(name, False)
    lab.type("Members", "2")
    lab.type("Sampling steps", "2")
    lab.press("Run")
    lab.wait_state("done")
