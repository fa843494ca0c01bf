"""A run that is not of the choices any more: dimmed under its name, or cleared."""

from __future__ import annotations

import pytest

from dalab.experiments.config import Config
from dalab.views.model.config_text import WORDS, caption_of_before
from dalab.views.model.display import OBSERVATIONS, TRUTH
from dalab.views.render.cycle_figure import CycleFigure
from dalab.views.render.html import scores_html
from dalab.views.render.live_figure import DIMMED, LiveFigure

from ..experiments.stubs import Waiting
from .conftest import GATED, RING, done, running, settle


@pytest.fixture
def ran(opened):
    model = opened()
    model.run()
    done(model)
    return model


def test_a_run_before_is_named_by_what_differs():
    assert caption_of_before(Config(), Config()) == ""
    assert caption_of_before(Config(), Config(seed=1)) == "the run before: seed 0"
    both = caption_of_before(Config(noise=0.2), Config(seed=1, members=4))
    assert both == "the run before: noise 0.2, members 8, seed 0"
    long = caption_of_before(Config(methods=["spectral:steps=3", "oi"] * 9), Config(seed=1))
    assert long.endswith("…") and len(long) <= WORDS + len("the run before: ")


def test_a_new_choice_dims_the_run_and_a_new_run_does_not(ran):
    plot = ran.display.field_plot("stub")
    assert ran.display.caption == "" and not plot.dimmed
    ran.controls.seed = 1
    fresh = settle(ran)
    assert {"stub", "curves", "scores"} <= fresh
    dimmed = ran.display.field_plot("stub")
    assert ran.display.caption == "the run before: seed 0" and dimmed.dimmed
    assert dimmed.note == f"{plot.note} · run before"
    assert ran.display.scores() and ran.display.curves(), "they stay"
    ran.controls.seed = 0
    settle(ran)
    assert ran.display.caption == "" and not ran.display.field_plot("stub").dimmed
    ran.controls.seed = 1
    ran.run()
    assert ran.display.caption == ""
    done(ran)
    assert ran.display.caption == "" and not ran.display.field_plot("stub").dimmed


def test_truth_and_observations_are_both_those_of_the_choices(ran):
    before = [ran.display.field_plot(name).values for name in (TRUTH, OBSERVATIONS)]
    ran.controls.seed = 1
    settle(ran)
    plots = [ran.display.field_plot(name) for name in (TRUTH, OBSERVATIONS)]
    assert not any(plot.dimmed for plot in plots)
    assert all((new.values != old).any() for new, old in zip(plots, before, strict=True))


def test_choices_that_cannot_work_dim_the_run_too(ran):
    ran.controls.operators = []
    assert ran.error and ran.display.caption == "the run before"


def test_another_system_clears_the_run_until_it_is_chosen_again(ran):
    ran.controls.system = "lorenz63"
    settle(ran)
    display = ran.display
    assert display.caption == "" and display.scores() == display.curves() == {}
    assert display.field_plot("stub").values is None
    ran.controls.system = "lorenz96"
    settle(ran)
    assert display.scores() and display.curves()


def test_a_run_that_goes_on_is_not_dimmed(opened):
    model = running(opened(GATED))
    model.controls.seed = 1
    assert model.display.caption == "" and not model.display.field_plot("waiting").dimmed
    Waiting.gate.set()
    done(model)
    assert model.display.field_plot("waiting").dimmed


def test_a_cycled_run_of_another_system_is_cleared(opened):
    model = opened(RING, cycles=30)
    model.run()
    settle(model)
    cycles = model.display.cycles
    assert cycles.curves() and cycles.ranks()
    model.controls.system = "lorenz63"
    settle(model)
    assert model.display.shows_cycles and cycles.curves() == cycles.ranks() == {}
    assert cycles.extent == (0, 0)


@pytest.mark.lab
def test_the_page_veils_maps_and_curves_and_dims_the_scores(ran):
    pytest.importorskip("panel")
    from dalab.views.panel.pages.assimilate import AssimilatePage

    page = AssimilatePage(ran)
    assert not page.maps["stub"].veil.visible and not page.curves.veil.visible
    title = page.curves.title.text
    ran.controls.seed = 1
    page.poll()
    assert page.maps["stub"].veil.visible and page.curves.veil.visible and page.table.dimmed
    assert page.curves.title.text == "RMSE of the run before: seed 0"
    assert not page.maps[TRUTH].veil.visible
    ran.controls.seed = 0
    page.poll()
    assert page.curves.title.text == title and not page.table.dimmed


def test_the_figure_of_the_notebook_dims_them_too(ran):
    figure, display = LiveFigure([TRUTH, OBSERVATIONS, "stub"], 9), ran.display
    line, image = figure._curves.lines["stub"], figure._maps["stub"].image
    ran.controls.seed = 1
    for alpha in (DIMMED, None):
        figure.show({"stub": display.field_plot("stub")})
        figure.show_curves(display.curves(), 0, 0.05, caption=display.caption)
        assert line.get_alpha() == alpha and image.get_alpha() == alpha
        assert ("the run before" in figure._curves.axes.get_title(loc="left")) is bool(alpha)
        ran.controls.seed = 0
    assert "dimmed'" in scores_html(display.scores(), dimmed=True)
    assert "dimmed'" not in scores_html(display.scores())


def test_the_figure_of_cycles_in_the_notebook_dims_them_too(cycled):
    figure = CycleFigure([TRUTH, OBSERVATIONS, "etkf"])
    figure.show_cycles(cycled.display.cycles, "the run before: seed 0")
    assert figure._curves.axes.get_title(loc="left") == "RMSE of the run before: seed 0"
    figure.show_cycles(cycled.display.cycles)
    assert figure._curves.axes.get_title(loc="left").startswith("RMSE, mean of")
