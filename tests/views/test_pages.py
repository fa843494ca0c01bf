"""The pages of the Panel skin that look at a finished run, and how 1-D systems are drawn."""

import numpy as np
import pytest

pn = pytest.importorskip("panel")

from dalab.views.model.lab import LabModel  # noqa: E402
from dalab.views.panel.components.tour import STOPS, Tour  # noqa: E402
from dalab.views.panel.pages.pages import Pages  # noqa: E402
from dalab.views.panel.pages.physics import PhysicsPage  # noqa: E402
from dalab.views.panel.pages.posterior import PosteriorPage  # noqa: E402
from dalab.views.panel.plots.field_map import Map, shared_ranges  # noqa: E402
from dalab.views.panel.plots.line_chart import Chart, Line, legend  # noqa: E402
from dalab.views.pictures.style import colour, marker  # noqa: E402

from .conftest import end, settle  # noqa: E402

pytestmark = pytest.mark.lab

RING = {"system": "lorenz96", "operators": ["identity"], "masks": ["stride:2"], "members": 4,
        "steps": 3, "device": "cpu", "methods": ["oi", "letkf"]}


@pytest.fixture(scope="module")
def model():
    pn.extension()
    made = LabModel(**RING)
    made.run()
    settle(made)
    yield made
    end(made)


def drawn(model, page):
    """The page, once it has drawn what it shows."""
    page.set_active(True)
    settle(model, lambda: page.poll() or page.drawn)
    return page


def test_before_a_run_a_sentence_says_what_will_be_there():
    fresh = LabModel(**RING)
    for maker in (PosteriorPage, PhysicsPage):
        page = maker(fresh)
        page.set_active(True)
        assert not page.drawn and "once a run is done" in page.message.object
    settle(fresh)
    end(fresh)


def test_a_page_without_a_run_names_its_parts_and_starts_one():
    fresh = LabModel(**RING)
    page = PhysicsPage(fresh)
    page.set_active(True)
    assert "Model residual" in page.message.object and page.starter in page.layout.objects
    page.starter.clicks += 1
    assert fresh.runs.busy and page.starter.disabled
    settle(fresh, lambda: page.poll() or page.drawn)
    assert page.layout.objects == [page.charts] and not page.starter.disabled
    end(fresh)


def test_the_tour_turns_to_pages_that_there_are(model):
    tour = Tour(model)
    for stop in STOPS:
        tour.page = stop.page
        assert model.page == stop.page
    model.page = "Assimilate"
    assert tour.page == "Assimilate"
    assert {stop.page for stop in STOPS} == set(model.param.page.objects), "none is left out"


def test_a_curve_has_the_markers_of_its_method_and_the_truth_has_none():
    chart = Chart("Title", "x", "y")
    chart.show([Line("truth", [0, 1], [1, 1]), Line("oi", range(40), range(40)),
                Line("oi", [0, 1], [1, 2], dash="dotted")])
    marks = chart.marks.data
    assert 6 <= len(marks["x"]) <= 10 and marks["x"] == marks["y"]
    assert set(marks["marker"]) == {marker("oi")} and set(marks["colour"]) == {colour("oi")}


def test_the_posterior_page_shows_ranks_coverage_spectra_and_members(model):
    page = drawn(model, PosteriorPage(model))
    ranks = page.ranks.source.data
    assert ranks["name"] == ["oi", "letkf"]
    for shares in ranks["ys"]:
        assert np.mean(shares) == pytest.approx(1)
    assert page.cover.source.data["name"] == ["truth", "oi", "letkf"]
    assert page.ratio.source.data["ys"][0].shape == (9,)
    assert page.spectra.source.data["name"] == ["truth", "oi", "oi", "oi"]
    titles = [shown.title.text for shown in page.maps if shown.figure.visible]
    assert titles == ["Truth", "Mean", "Member 1", "Member 2", "Member 3", "Member 4"]
    page.chosen.method = "letkf"
    assert page.spectra.source.data["name"] == ["truth", "letkf", "letkf", "letkf"]
    assert page.spectra.source.data["dash"] == ["solid", "solid", "dashed", "dotted"]


def test_the_physics_page_shows_residual_and_energy(model):
    page = drawn(model, PhysicsPage(model))
    assert page.residual.source.data["name"] == ["truth", "oi", "letkf"]
    truth, *others = page.residual.source.data["ys"]
    assert (truth == 1e-3).all() and all((other > 0.01).all() for other in others)
    assert page.energy.source.data["ys"][0].shape == (9,)
    assert not page.enstrophy.figure.visible, "a ring of sites has none"


def test_a_system_of_one_cell_has_neither_spectra_nor_enstrophy():
    point = LabModel(**{**RING, "system": "lorenz63", "masks": ["full"], "methods": ["etkf"]})
    point.run()
    settle(point)
    posterior, physics = drawn(point, PosteriorPage(point)), drawn(point, PhysicsPage(point))
    assert posterior.ratio.source.data["name"] == ["etkf"]
    assert not posterior.spectra.figure.visible and not physics.enstrophy.figure.visible
    assert physics.energy.figure.width == physics.residual.figure.width, "all the room there is"
    end(point)


def test_another_run_is_looked_at_in_its_turn(model):
    page = drawn(model, PhysicsPage(model))
    model.controls.methods = ["climatology"]
    model.run()
    settle(model, lambda: page.poll() or "climatology" in page.residual.source.data["name"])
    assert page.residual.source.data["name"] == ["truth", "climatology"]


def test_pages_use_the_room_of_the_window(model):
    pages = Pages(model)
    model.page = "Physics"
    width = pages.active.residual.figure.width
    pages.header.available_size = [1580, 1040]
    assert pages.active.residual.figure.width > 1.5 * width
    model.page = "Assimilate"


def test_a_chart_is_fed_and_never_built_again():
    chart = Chart("Title", "x", "y", ideal=1.0)
    figure = chart.figure
    chart.show([Line("oi", [0, 1], [1, 2]), Line("truth", [0, 1], [1, 1])], x="time (days)")
    assert chart.source.data["name"] == ["oi", "truth"] and chart.figure is figure
    assert figure.xaxis[0].axis_label == "time (days)"
    ranged = Chart("Title", "x", "y", top=2.0)
    for highest, top in ((1.0, 2.0), (5.0, 5.0), (1e9, 8.0), (np.nan, 2.0)):
        ranged.show([Line("oi", [0, 1], [0.5, highest])])
        assert (ranged.figure.y_range.start, ranged.figure.y_range.end) == (0, top)
    assert "oi" in legend(["oi"]) and "#D55E00" in legend(["oi"])


def test_sites_are_drawn_over_time_and_one_cell_as_curves(model):
    shown = Map(shared_ranges())
    shown.show("truth", model.display.field_plot("truth"))
    assert shown.source.data["image"][0].shape == (9, 40) and shown.image.visible
    assert (shown.figure.x_range.start, shown.figure.x_range.end) == (0.5, 40.5)
    assert shown.figure.xaxis[0].major_label_overrides == {20: "site 20"}
    point = LabModel(**{**RING, "system": "lorenz63", "masks": ["full"], "methods": ["etkf"]})
    assert point.display.param.layer.objects == ["x", "y", "z"] and point.display.layer == "x"
    point.run()
    settle(point)
    point.display.layer = "z"
    shown.show("etkf", point.display.field_plot("etkf"), "#123456")
    members = len(point.runs.result["estimates/etkf/pv"])
    assert not shown.image.visible and len(shown.lines.data["ys"]) == members + 2
    truth = point.runs.result["truth/pv"].values[:, 2, 0, 0] * 8.63
    np.testing.assert_allclose(shown.lines.data["ys"][0], truth, rtol=1e-5)
    assert shown.figure.y_range.end == point.display.field_plot("truth").limit
    point.display.view = "error"
    shown.show("etkf", point.display.field_plot("etkf"), "#123456")
    assert len(shown.lines.data["ys"]) == 1
    end(point)


def test_another_system_empties_the_pictures_of_the_run():
    model = LabModel(**RING)
    model.run()
    settle(model)
    assert model.display.field_plot("oi").values is not None
    model.controls.system = "qg64"
    plot = model.display.field_plot("oi")
    assert plot.values is None and plot.axes.kind == "plane"
    assert model.display.quantity == "relative vorticity" and model.display.layer == "upper"
    settle(model)
    assert model.display.field_plot("truth").values.shape == (64, 64)
    end(model)
