"""The gallery page without a browser: charts of the newest choices."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("bokeh")

from dalab.experiments.gallery.catalogue import EXHIBITS
from dalab.experiments.gallery.exhibit import EXACT, FILTER
from dalab.views.model.teaching.gallery import GalleryModel

pytestmark = pytest.mark.lab
SECONDS = 120


@pytest.fixture
def model():
    made = GalleryModel(exhibit="nudging")
    yield made
    made.close()


def settle(model):
    """Poll until the charts of the newest settings are there."""
    deadline = time.monotonic() + SECONDS
    while model.busy:
        assert time.monotonic() < deadline, model.error or "waited in vain"
        model.poll()
        time.sleep(0.02)
    return model.charts


def test_charts_follow_the_choices(model):
    assert model.busy and model.charts == []
    first = settle(model)
    model.choose("r", 1.0)
    assert model.busy and model.charts == first, "the old ones stay until the new ones are there"
    assert settle(model)[0].curves[0].y[0] < first[0].curves[0].y[0]


def test_another_exhibit_begins_with_its_own_settings(model):
    settle(model)
    model.exhibit = "gaps"
    assert model.settings == EXHIBITS["gaps"].start and model.charts == []
    assert len(settle(model)) == 2


def test_a_wrong_setting_is_said(model):
    settle(model)
    model.choose("r", 7.0)
    settle(model)
    assert "must be one of" in model.error and model.charts == []


def test_nothing_is_computed_before_the_page_is_on_screen():
    model = GalleryModel(exhibit="nudging")
    model.on_screen = False
    for _ in range(10):
        model.poll()
        time.sleep(0.02)
    assert model.charts == [] and model.busy
    model.on_screen = True
    settle(model)
    model.close()


def test_every_exhibit_can_be_drawn(model):
    pytest.importorskip("panel")
    from dalab.views.panel.plots.gallery_charts import draw_chart

    for chart in settle(model):
        drawn = draw_chart(chart, 500, 200)
        assert {curve.role for curve in chart.curves} >= {EXACT, FILTER}
        assert drawn.title.text == chart.title and drawn.legend
