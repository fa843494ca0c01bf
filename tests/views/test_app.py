"""The Panel skin without a server: what is built, and that it is never built twice."""

import pytest

pn = pytest.importorskip("panel")

from bokeh.document import Document  # noqa: E402

from dalab.errors import InputError  # noqa: E402
from dalab.views.panel.app import create_app  # noqa: E402
from dalab.views.panel.components.picker import Picker  # noqa: E402
from dalab.views.panel.fields import field  # noqa: E402
from dalab.views.panel.pages.assimilate import AssimilatePage  # noqa: E402
from dalab.views.panel.pages.pages import Pages, Status  # noqa: E402
from dalab.views.panel.sidebar import option_rows, sidebar  # noqa: E402

from .conftest import settle  # noqa: E402

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module", autouse=True)
def extension():
    pn.extension()


def test_the_app_is_a_page_with_controls_and_a_desk():
    document = create_app(methods=["oi"]).server_doc(Document())
    assert {"header", "controls", "main"} <= {root.name for root in document.roots}
    for root in document.roots:
        for part in root.references():
            assert part.document is document and document.get_model_by_id(part.id) is part


def test_presets_that_make_no_sense_are_refused():
    with pytest.raises(InputError):
        create_app(methods=["spektral"])


def test_every_method_gets_a_map_a_curve_and_a_row(model):
    page = AssimilatePage(model)
    settle(model)
    every = list(model.controls.param.methods.objects)
    for methods in (["spectral"], ["spectral", "oi", "etkf"], every):
        model.controls.methods = methods
        page.poll()
        assert list(page.maps) == ["truth", "observations", *methods]
        assert [item.label.value for item in page.curves.legend.items] == methods
        assert [row["name"] for row in page.table.rows] == methods


def test_an_option_left_to_the_method_is_a_blank_field_that_says_so(model):
    options = model.controls.method_options["letkf"]
    radius = field(options, "localisation")
    assert radius.value is None and radius.placeholder == "auto" and radius.step == 0.5
    radius.value = 4.0
    assert options.localisation == 4.0
    shown = radius.get_root()
    assert shown.value == 4.0
    radius.value = None
    assert options.localisation is None and shown.value is None, "blank, not NaN"


def test_figures_are_kept_when_methods_come_and_go(model):
    page = AssimilatePage(model)
    before = {name: shown.figure.id for name, shown in page.maps.items()}
    for methods in (["oi"], ["spectral", "oi"], ["spectral", "oi", "etkf"], ["spectral", "oi"]):
        model.controls.methods = methods
        page.poll()
    assert {name: shown.figure.id for name, shown in page.maps.items()} == before


def test_a_run_fills_maps_curves_and_table(model):
    page = AssimilatePage(model)
    model.run()
    settle(model, lambda: page.poll() or not model.runs.busy)
    page.show({*page.maps, "curves", "scores"})
    assert page.maps["spectral"].source.data["image"][0].shape == (64, 64)
    assert page.maps["spectral"].mapper.high == page.maps["truth"].mapper.high
    assert len(page.curves.sources["oi"].data["y"]) == 9
    assert all(None not in row["values"] for row in page.table.rows)
    assert model.runs.state == "done"


def test_looking_elsewhere_sends_only_what_differs(model):
    page = AssimilatePage(model)
    settle(model)
    page.show({"truth"})
    sent = []
    page.maps["truth"].source.on_change("data", lambda attr, old, new: sent.append(new))
    page.show({"truth"})
    assert not sent
    model.display.time = 2
    page.poll()
    assert len(sent) == 1


def test_errors_are_shown_in_place_of_the_status(model):
    pane = Status(model).pane
    model.controls.noise = -1
    assert "error" in pane.object and "noise = -1" in pane.object
    model.controls.noise = 0.1
    assert "noise" not in pane.object


def test_the_status_line_says_how_a_run_ended(model):
    pane = Status(model).pane
    assert 'data-state="idle"' in pane.object
    model.run()
    settle(model)
    assert 'data-state="done"' in pane.object and "100%" in pane.object


def test_html_in_a_message_is_harmless(model):
    pane = Status(model).pane
    model.controls.truth, model.controls.truth_file = "file", "<script>alert(1)</script>"
    assert "<script>" not in pane.object and "&lt;script&gt;" in pane.object


def test_pages_are_made_when_they_are_first_opened_and_then_kept(model):
    pages = Pages(model)
    assert list(pages.made) == ["Assimilate"]
    for name in model.param.page.objects:
        pages.header.page = name
        assert model.page == name and pages.holders[name].visible
        assert sum(holder.visible for holder in pages.holders.values()) == 1
        pages.poll()
    made = dict(pages.made)
    model.page = "Posterior"
    assert pages.header.page == "Posterior" and pages.made == made


def test_a_page_that_nobody_sees_is_not_drawn_but_caught_up_with(model):
    pages = Pages(model)
    settle(model, lambda: pages.poll() or not model.pending)
    before = pages.assimilate.maps["truth"].source.data["image"][0]
    model.page = "Runs"
    model.display.time = 0
    pages.poll()
    assert pages.assimilate.maps["truth"].source.data["image"][0] is before
    model.page = "Assimilate"
    assert pages.assimilate.maps["truth"].source.data["image"][0] is not before


def test_a_larger_window_gets_larger_maps_of_the_same_figures(model):
    pages = Pages(model)
    figure = pages.assimilate.maps["truth"].figure
    size = figure.frame_width
    pages.header.available_size = [1580, 1040]
    assert pages.assimilate.maps["truth"].figure is figure and figure.frame_width > 1.3 * size
    pages.header.available_size = [700, 400]
    assert figure.frame_width == size, "a smaller one scrolls"


def test_fields_are_bound_both_ways(model):
    members = field(model.controls, "members")
    members.value = 5
    assert model.controls.members == 5
    model.controls.members = 7
    assert members.value == 7
    tick = field(model.controls, "use_background")
    tick.value = tick.options
    assert model.controls.use_background is True
    model.controls.use_background = False
    assert tick.value == []
    sensors = field(model.controls.mask_options["points"], "sensors")
    sensors.value = "(1, 2)"
    model.controls.mask = "points"
    assert model.config.masks == ("points:sensors=[(1, 2)]",) and not model.error


def test_buttons_follow_the_state(model):
    run, stop, longer = (b for b in sidebar(model).select(pn.widgets.Button))
    assert not run.disabled and stop.disabled and longer.disabled
    run.clicks += 1
    assert run.disabled and not stop.disabled
    stop.clicks += 1
    assert model.runs.state == "cancelled" and not run.disabled


def test_every_registered_option_has_a_labelled_field(model):
    for values in model.controls.option_sets():
        for line in option_rows(values):
            for widget in line.select(pn.widgets.Widget):
                assert widget.label or widget.options


def test_ticks_follow_the_model_and_bar_what_a_system_does_not_have(model):
    operators, methods = sidebar(model).select(Picker)
    assert methods.value == model.controls.methods and operators.value == model.controls.operators
    methods.value = ["oi", "sda"]
    assert model.controls.methods == ["oi", "sda"]
    model.controls.operators = ["sine"]
    assert operators.value == ["sine"] and not operators.unavailable
    model.controls.system = "lorenz63"
    assert set(operators.unavailable) == {"velocity", "speed", "drift"}
    every = next(w for w in sidebar(model).select(pn.widgets.IntInput) if "Every" in w.label)
    assert every.label == "Every (steps)"
