"""Cycled runs on the page, in a real browser: switch, Run, Stop, Continue, look back, Play."""

from __future__ import annotations

import pytest

from .page import LabPage

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]

RING = "?system=lorenz96&operators=identity&masks=full&methods=etkf&members=24&noise=0.3"
"""An experiment of one quick filter."""

FIGURES = """() => Array.from(Bokeh.documents[0]._all_models.values())
  .filter(m => m.type == 'Figure' && m.visible).map(m => m.html_attributes['aria-label'])"""


@pytest.fixture
def lab(chromium, address):
    """The lab with a ring; the test fails if the console has errors."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = LabPage(context.new_page())
    page.open(address + RING)
    yield page
    context.close()
    assert page.complaints == []


def rows(lab: LabPage, name: str) -> int:
    """Rows with values of a diagram of 40 sites."""
    image = lab.image(name) or []
    return sum(value is not None for value in image) // 40


def cycle_slider(lab: LabPage):
    return lab.page.locator(".bk-panel-models-widgets-IntSlider, .bk-Slider").filter(
        has_text="Cycle"
    ).locator(".noUi-handle")


def cycle(lab: LabPage) -> int:
    """Cycle on the slider."""
    return round(float(cycle_slider(lab).get_attribute("aria-valuenow")))


def curve(lab: LabPage) -> list:
    return lab.page.evaluate("""() => {
      const found = Array.from(Bokeh.documents[0]._all_models.values())
        .filter(m => m.name == 'cycles error etkf')
      return found.length ? Array.from(found[0].data.y) : []
    }""")


def choose_cycles(lab: LabPage, count: int) -> None:
    lab.press("Cycles")
    lab.type("Cycles", str(count))
    lab.wait(lambda: rows(lab, "truth") == 64, "the first cycles of the truth")


def still(lab):
    """The picture of the ETKF, once it has not changed for a moment; it follows the cycle."""
    first = lab.image("etkf")
    lab.page.wait_for_timeout(400)
    return first if lab.image("etkf") == first else None


def test_switch_run_stop_continue_look_back_and_play(lab):
    lab.wait(lambda: rows(lab, "truth") == 9, "the window")
    assert not lab.page.get_by_role("button", name="Continue").is_visible()
    choose_cycles(lab, 9000)
    assert lab.page.get_by_role("button", name="Continue").is_disabled()

    lab.press("Run")
    pictures: list = []
    while len(pictures) < 4:
        lab.wait(lambda: rows(lab, "etkf") and lab.image("etkf") not in pictures, "a picture")
        pictures.append(lab.image("etkf"))
    assert lab.state == "running", "these were live pictures"
    assert len(curve(lab)) > 1 and lab.charted("Ranks of the truth") is not None

    lab.press("Stop")
    lab.wait_state("cancelled")
    reached = lab.wait(lambda: cycle(lab), "the cycle reached")
    assert rows(lab, "etkf") and reached < 9000, "what was computed stays"
    lab.type("Cycles", str(reached + 150))
    lab.press("Continue")
    lab.wait_state("done")
    lab.wait(lambda: cycle(lab) == reached + 150, "the last cycle")
    assert lab.charted("Ranks of the truth")

    newest = lab.wait(lambda: still(lab), "the last picture")
    slider = cycle_slider(lab)
    slider.focus()
    for _ in range(3):
        slider.press("ArrowLeft")
    lab.wait(lambda: cycle(lab) == reached + 147 and lab.image("etkf") != newest, "a look back")
    earlier = lab.wait(lambda: still(lab), "the picture of that time")
    assert earlier[40 * 3 :] == newest[: -40 * 3], "three cycles further down"
    lab.press("Play")
    lab.wait(lambda: cycle(lab) == reached + 150, "the end of the play")
    lab.wait(lambda: lab.image("etkf") == newest, "the newest states")
    lab.page.get_by_role("button", name="Play").wait_for()


def test_a_window_and_cycles_take_turns(lab):
    choose_cycles(lab, 70)
    lab.press("Run")
    lab.wait_state("done")
    lab.wait(lambda: rows(lab, "etkf") == 64, "the analyses")
    names = lab.page.evaluate(FIGURES)
    assert any("against cycles" in name for name in names)
    lab.press("One window")
    lab.wait(lambda: rows(lab, "truth") == 9 and not rows(lab, "etkf"), "a window")
    assert not any("against cycles" in name for name in lab.page.evaluate(FIGURES))
    lab.press("Run")
    lab.wait(lambda: rows(lab, "etkf") == 9 and lab.state == "done", "its estimate")
    box = lab.page.locator(".bk-Figure:visible").last.bounding_box()
    assert box["width"] > 200 and box["height"] > 100, "the curves of the window have a size"
    lab.press("Cycles")
    lab.wait(lambda: rows(lab, "truth") == 64 and not rows(lab, "etkf"), "cycles again")


def test_a_link_opens_a_cycled_experiment(chromium, address):
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = LabPage(context.new_page())
    page.open(f"{address}?system=lorenz63&operators=identity&masks=full&methods=etkf&cycles=80")
    page.wait(lambda: page.image("truth") and len(page.image("truth")) > 1000, "the attractor")
    page.press("Run")
    page.wait_state("done")
    page.wait(lambda: page.image("etkf") and len(page.image("etkf")) > 1000, "its path")
    page.press("One window")
    page.wait(lambda: len(page.image("truth")) == 9, "a window")
    context.close()
    assert page.complaints == []
