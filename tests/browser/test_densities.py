"""A reference posterior, densities and flows with tracers on the page, in a real browser."""

from __future__ import annotations

import pytest

from .page import LabPage

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]

DYAD = ("?system=dyad&operators=resolved&masks=full&methods=etkf&members=24&noise=0.3&cycles=40"
        "&reference=pf:members=500,jitter=0&view=density")
TRACERS = ("?system=tracers:count=100&operators=resolved&masks=full&methods=etkf:members=40"
           "&noise=0.01&background=0.1&cycles=2000")

LINES = """name => {
  const models = Array.from(Bokeh.documents[0]._all_models.values())
  const map = models.find(m => m.type == 'Figure' && m.title?.text == name && m.visible)
  const found = kind => map.renderers.filter(r => r.glyph.type == kind).map(r => r.data_source.data)
  return {dashes: found('MultiLine').flatMap(d => Array.from(d.dash)),
          area: found('VArea').flatMap(d => Array.from(d.x)).length,
          dots: found('Scatter').flatMap(d => Array.from(d.x)).length}
}"""
"""Dashes of the curves on a map, points of its area, and dots."""


@pytest.fixture
def opened(chromium, address):
    """Opens the lab at a query; the test fails if the console has errors."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = LabPage(context.new_page())

    def open_at(query: str) -> LabPage:
        page.open(address + query)
        return page

    yield open_at
    context.close()
    assert page.complaints == []


def test_a_reference_is_typed_its_density_is_an_area_and_its_distance_a_column(opened):
    lab = opened(DYAD)
    reference = lab.page.get_by_role("textbox", name="Reference")
    assert reference.input_value() == "pf:members=500,jitter=0"
    assert lab.page.get_by_role("combobox", name="Estimates").input_value() == "density"
    lab.press("Run")
    lab.wait_state("done")
    lab.wait(lambda: lab.page.evaluate(LINES, "etkf")["area"], "the density of the reference")
    drawn = lab.page.evaluate(LINES, "etkf")
    assert drawn["dashes"] == ["solid", "solid", "dashed"] and not drawn["dots"]
    assert not lab.page.evaluate(LINES, "reference")["area"]
    lab.page.get_by_text("W2", exact=True).wait_for()
    linear = lab.image("etkf")
    lab.page.get_by_role("combobox", name="Estimates").select_option("log density")
    lab.wait(lambda: lab.image("etkf") != linear, "the logarithmic scale")
    lab.page.get_by_role("combobox", name="Estimates").select_option("mean")
    lab.wait(lambda: lab.page.evaluate(LINES, "etkf")["dots"] == 24, "the attractor")


def test_a_hundred_tracers_move_on_live_maps(opened):
    lab = opened(TRACERS)
    lab.press("Run")
    pictures: list = []
    while len(pictures) < 5:
        lab.wait(lambda: lab.image("etkf") and lab.image("etkf") not in pictures, "a picture")
        pictures.append(lab.image("etkf"))
    assert lab.state == "running", "these were live pictures"
    for name in ("Truth", "etkf"):
        assert lab.page.evaluate(LINES, name)["dots"] == 100
    assert len(pictures[-1]) == 64 * 64
    assert lab.page.evaluate(LINES, "Truth")["dashes"] == ["solid"], "the trails are one line"
    lab.press("Stop")
    lab.wait_state("cancelled")
