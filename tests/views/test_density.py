"""Marginal densities of cycled systems of a few variables, as numbers and on the page's maps."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("bokeh")

from bokeh.models import Range1d

import dalab
from dalab.experiments.config import Config
from dalab.experiments.cycles.driver import marginals_of
from dalab.experiments.cycles.execution import CycledExecution
from dalab.methods import Filter
from dalab.systems import SYSTEMS
from dalab.views.model.cycled_display import CycledDisplay
from dalab.views.model.display import DisplayModel
from dalab.views.panel.components.score_table import ScoreTable
from dalab.views.panel.plots.field_map import Map
from dalab.views.pictures import climate
from dalab.views.pictures.density_plot import Beside, density_key, density_plot, shows_density
from dalab.views.pictures.field_plot import DENSITIES, STAGES, VIEWS, DisplayState
from dalab.views.render.cycle_figure import CycleFigure

from .test_cycle_pictures import fields

DRAWS = np.random.default_rng(0).normal(size=(400, 3, 1, 1))


class Exact(Filter):
    """A filter that knows its marginals, standard normal ones."""

    def analysis(self, ensemble, network, data, streams):
        return ensemble

    def marginal(self, state, field, grid):
        density = torch.exp(-(grid**2) / 2) / (2 * torch.pi) ** 0.5
        return density.expand(len(state["ensemble"]), -1)


def plot(view="density", beside=None, members=50):
    shown = fields("lorenz63", 30, members=members)
    return shown, density_plot("etkf", "RMSE 0.1", shown, DisplayState(view=view),
                               beside or Beside(DRAWS, DRAWS))


def area(curve):
    x, y = curve
    return float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())


def test_a_density_is_that_of_the_members_in_the_units_of_the_equations():
    shown, found = plot()
    assert found.axes.kind == "density" and found.note == f"RMSE 0.1 · up to {found.axes.y.end:g}"
    assert area(found.curves[0]) == pytest.approx(1, abs=0.02)
    members = shown.snapshots[-1].analysis[:, 0, 0, 0].numpy() * float(shown.system.scale[0])
    x, y = found.curves[0]
    assert x[y.argmax()] == pytest.approx(np.median(members), abs=float(members.std()))


def test_the_truth_stands_upright_the_reference_is_an_area_and_the_climate_dashed():
    shown, found = plot()
    value = float(shown.snapshots[-1].truth[0, 0, 0] * shown.system.scale[0])
    np.testing.assert_allclose(found.truth[0], value, rtol=1e-5)
    assert found.truth[1].tolist() == [0, found.axes.y.end]
    assert area(found.area) == area(found.dashed) == pytest.approx(1, abs=0.02)
    alone = plot(beside=Beside())[1]
    assert alone.area is None and alone.dashed is None


def test_the_logarithmic_scale_shows_tails_in_powers_of_ten():
    linear, log = plot()[1], plot("log density")[1]
    assert log.axes.y.ends[1].strip("0.1e") == "" and log.axes.y.labels.keys() == set(
        log.axes.y.ticks
    )
    peak = linear.area[1].max()
    assert log.area[1].max() == pytest.approx(np.log10(peak))
    assert log.area[1].min() < -4


def test_scales_grow_with_the_sharpest_density_of_the_run():
    shown, state = fields("lorenz63", 3, members=50), DisplayState(view="density")

    def top(width):
        newest = shown.snapshots[-1]
        members = newest.truth + width * (newest.analysis - newest.truth)
        shown.snapshots[-1] = replace(newest, analysis=members)
        found = density_plot("a", "", shown, state, Beside())
        assert found.curves[0][1].max() <= found.axes.y.end
        return found.axes.y.end

    broad, sharp = top(1.0), top(0.1)
    assert sharp > 5 * broad and top(10.0) == sharp


def test_a_single_member_has_no_density_and_its_plot_is_drawn_all_the_same():
    found = plot(members=1)[1]
    assert found.curves == () and found.values is not None


def test_a_filter_may_give_its_own_marginals():
    ensemble = torch.randn(2, 30, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    found = marginals_of(Exact(), {"ensemble": ensemble}, ensemble)
    assert found.shape[:2] == (3, 2)
    assert area(found[1].numpy()) == pytest.approx(1, abs=0.01)
    assert marginals_of(Filter(), {"ensemble": ensemble}, ensemble) is None
    wide = ensemble.expand(2, 30, 3, 1, 4)
    assert marginals_of(Exact(), {"ensemble": wide}, wide) is None


def test_marginals_of_a_filter_reach_the_plot_and_the_checkpoints(tmp_path):
    made = dalab.Experiment(
        system=SYSTEMS.make("lorenz63"), background=0.1, members=6, methods={"exact": Exact()},
        network=dalab.network(dalab.operators.Identity(), noise=0.1),
        schedule=dalab.Schedule(cycles=2),
    )
    execution = CycledExecution(made, tmp_path)
    for _ in execution.frames():
        pass
    snapshot = execution.recorders["exact"].ring[-1]
    kept = execution.checkpoints.load("exact")[1]["ring"][-1]["marginals"]
    assert torch.equal(kept, snapshot.marginals)
    assert snapshot.marginals[0, 1].max().item() == pytest.approx(0.3989, abs=1e-3)


def test_systems_of_a_few_variables_have_these_views_in_cycles_only():
    assert shows_density(SYSTEMS.make("lorenz63"), DisplayState(view="density"))
    assert not shows_density(SYSTEMS.make("lorenz96"), DisplayState(view="density"))
    display = DisplayModel(system="lorenz63", cycled=True)
    assert display.param.view.objects == [*VIEWS, *STAGES, *DENSITIES]
    display.view = "log density"
    display.system = "lorenz96"
    assert display.view == "mean" and display.param.view.objects == [*VIEWS, *STAGES]
    assert "Grey area: reference" in density_key(SYSTEMS.make("lorenz63"), display.state)


def test_the_display_takes_the_reference_of_the_cycle_shown(monkeypatch):
    monkeypatch.setattr("dalab.views.model.cycled_display.climate_of", lambda system: DRAWS)
    execution = CycledExecution(Config(
        system="lorenz63", operators=["identity"], masks=["full"], background=0.1, cycles=6,
        methods=["etkf:members=10"], reference="etkf:members=100", device="cpu",
    ))
    for _ in execution.frames():
        pass
    run = SimpleNamespace(recorders=execution.recorders, progress=execution.progress)
    about = fields("lorenz63", 2).about
    display = CycledDisplay()
    display.show_run(SimpleNamespace(run=run, cycled=True, over=True, cycled_system=about))
    display.update()
    state, scores = DisplayState(view="density"), execution.scores
    for position in (0, 3):
        display.position = position
        found = display.estimate_plot("etkf", scores["etkf"], state)
        members = execution.reference.at(position or 6)[0, :, 0, 0, 0].numpy()
        x, y = found.area
        assert abs(x[y.argmax()] / 7.93 - np.median(members)) < 2 * members.std()
    assert display.estimate_plot("reference", scores["reference"], state).area is None
    execution.recorders["etkf"].reference = None  # as in a run restored from a file
    again = display.estimate_plot("etkf", scores["etkf"], state)
    np.testing.assert_allclose(again.area, found.area)


def test_the_climate_is_drawn_beside_the_interfaces():
    system = SYSTEMS.make("lorenz63:interval=0.5")
    assert climate.climate_of(system) is None
    climate._known[system].result(60)
    assert climate.climate_of(system).shape == (climate.DRAWS, 3, 1, 1)


def test_the_page_draws_area_dashes_and_labels():
    drawn = Map((Range1d(0, 1), Range1d(0, 1)))
    found = plot("log density")[1]
    drawn.show("etkf", found, accent="#009E73")
    assert drawn.lines.data["dash"] == ["solid", "solid", "dashed"]
    assert len(drawn.area.data["x"]) == found.area.shape[1] and not drawn.points.data["x"]
    assert not drawn.image.visible and drawn.figure.x_range is drawn._own[0]
    assert drawn.figure.yaxis[0].major_label_overrides[found.axes.y.end] == found.axes.y.ends[1]


def test_the_score_table_has_columns_of_further_scores_once_they_are_known():
    table = ScoreTable()

    def titles(width, **scores):
        table.set_size((width, 200), ["etkf"], cycled=True)
        table.show({"etkf": scores} if scores else {})
        return [column["title"] for column in table.columns]

    assert "W2" not in titles(1200)
    found = titles(1200, rmse_mean=0.1, w2=0.25, sliced_w2=0.1)
    assert found[-4:] == ["W2", "Sliced W2", "Seconds", "Members"]
    assert table.rows[0]["texts"][found.index("W2") - 1] == "0.250"
    narrow = titles(800, rmse_mean=0.1, w2=0.25, sliced_w2=0.1)
    assert "Sliced W2" not in narrow and "W2" in narrow


def test_the_notebook_draws_them_too():
    figure = CycleFigure(["truth", "observations", "etkf"])
    empty = figure.png()
    figure.show({"etkf": plot()[1]})
    assert figure.png() != empty
    figure.show({"etkf": plot(beside=Beside())[1]})
    assert figure.png().startswith(b"\x89PNG")
