"""Members before an analysis and on their way through it, from the filter to the pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import dalab
from dalab.experiments.cycles.execution import CycledExecution
from dalab.experiments.cycles.recorder import RING_BYTES, RING_TIMES, Recorder, Snapshot
from dalab.experiments.cycles.stored import restore
from dalab.experiments.results.inversion import inversions
from dalab.experiments.results.store import load, save
from dalab.experiments.schedule import Schedule
from dalab.methods import Filter
from dalab.systems import SYSTEMS
from dalab.views.model.cycled_display import CycledDisplay
from dalab.views.pictures.cycled_plot import cycled_estimate_plot
from dalab.views.pictures.density_plot import Beside, density_key, density_plot
from dalab.views.pictures.field_plot import STAGES, DisplayState, views_of

from .test_cycle_pictures import fields


class Halfway(Filter):
    """A filter whose latents are forecasts with another sign, and its analyses half of them."""

    def assimilate(self, state, problem, streams):
        x = state["ensemble"]
        return {**state, "ensemble": x / 2, "forecast": x, "latent": -x}

    def analysis_stages(self, state):
        return {name: state[name] for name in ("forecast", "latent") if name in state}


def experiment(system="lorenz63", **options):
    return dalab.Experiment(
        system=SYSTEMS.make(system), background=0.1, members=6, methods={"halfway": Halfway()},
        network=dalab.network(dalab.operators.Identity(), noise=0.1),
        schedule=dalab.Schedule(cycles=5, burn_in=0, **options),
    )


def run(made, folder=None):
    execution = CycledExecution(made, folder)
    for _ in execution.frames():
        pass
    return execution


@pytest.fixture(scope="module")
def execution(tmp_path_factory):
    return run(experiment(gaps="3"), tmp_path_factory.mktemp("run"))


def with_latents(system, count=5):
    """Snapshots whose latents are a third of the forecasts, and these twice the analyses."""
    shown = fields(system, count)
    shown.snapshots = [
        replace(s, forecast=2 * s.analysis, stages={"latent": 2 / 3 * s.analysis})
        for s in shown.snapshots
    ]
    return shown


def test_the_recorder_keeps_latents_of_cycles_with_observations(execution):
    ring = list(execution.recorders["halfway"].ring)
    assert [sorted(s.stages) for s in ring] == [["latent"]] * 2 + [[]] + [["latent"]] * 2
    assert torch.equal(ring[0].stages["latent"], -ring[0].forecast)


def test_checkpoints_and_results_hold_them(execution, tmp_path):
    kept = execution.checkpoints.load("halfway")[1]
    again = Recorder(execution.experiment.system, Schedule(cycles=5, burn_in=0), 1, 6)
    again.load(kept)
    assert torch.equal(again.ring[-1].stages["latent"], -again.ring[-1].forecast)
    for snapshot in kept["ring"]:  # as older checkpoints are
        del snapshot["stages"]
    again.load(kept)
    assert again.ring[-1].stages == {}
    tree = execution.result()
    latent = tree["estimates/halfway/latent"]
    assert np.isnan(latent.values[:, 2]).all() and np.isfinite(np.delete(latent.values, 2, 1)).all()


@pytest.fixture(scope="module")
def tree():
    """Result of DAISI on two-layer flow."""
    return dalab.execute(dalab.Config(
        cycles=3, burn_in=0, gaps="2", background=0.1, members=3, device="cpu",
        methods=["daisi:steps=2,inversion_steps=2,members=3,prior=gaussian"],
    ))


def test_a_result_comes_back_with_its_latents(tree, tmp_path):
    ring = restore(load(save(tree, tmp_path / "run.nc"))).recorders["daisi"].ring
    assert [len(s.stages) for s in ring] == [1, 0, 1]


def test_a_gaussian_climate_has_a_closed_form(tree):
    found = inversions(tree, 0)["daisi"]
    assert found.names == () and (found.measured.latent[:20] > 0.5).all()
    assert found.gaussian is not None and ((0 < found.kalman) & (found.kalman <= 1)).all()


def test_the_ring_is_shorter_with_latents_and_its_memory_bounded():
    system = SYSTEMS.make("qg64")
    recorder = Recorder(system, Schedule(cycles=9, burn_in=0), 1, 64)
    state = torch.zeros(64, *system.shape)
    before = recorder.ring.maxlen
    recorder._keep(Snapshot(1, state[0], state, state, (), stages={"latent": state}))
    after = recorder.ring.maxlen
    assert after < before <= RING_TIMES and after * recorder.ring[0].nbytes <= RING_BYTES


def test_what_an_inversion_keeps_is_measured_over_members(execution):
    found = inversions(execution.result(), 0)["halfway"]
    np.testing.assert_allclose(found.measured.latent, -1, rtol=1e-5)
    np.testing.assert_allclose(found.measured.analysis, 0.5, rtol=1e-5)
    assert found.gaussian is None, "it is no DAISI"


def test_fields_are_measured_by_wavenumber():
    found = inversions(run(experiment("lorenz96")).result(), 0)["halfway"]
    assert found.measured.analysis.shape == (20,)
    np.testing.assert_allclose(found.measured.analysis, 0.5, rtol=1e-5)


@pytest.mark.parametrize("view, factor", [("forecast", 2), ("latent", 2 / 3), ("sample", 1)])
@pytest.mark.parametrize("system", ["lorenz96", "qg64"])
def test_maps_show_one_member_at_every_stage(system, view, factor):
    shown = with_latents(system, 3)
    plots = [cycled_estimate_plot("a", "", shown, DisplayState(view=v, member=2))
             for v in (view, "sample")]
    np.testing.assert_allclose(plots[0].values, factor * plots[1].values, rtol=1e-5,
                               atol=1e-6)  # single precision
    assert plots[0].limit == plots[1].limit and plots[0].kind == "diverging"


def test_attractors_show_where_every_member_went():
    plot = cycled_estimate_plot("a", "", with_latents("lorenz63"), DisplayState(view="latent"))
    after = cycled_estimate_plot("a", "", with_latents("lorenz63"), DisplayState()).cloud
    np.testing.assert_allclose(plot.cloud, 2 / 3 * after, rtol=1e-4)
    lines = plot.curves[0].reshape(2, -1, 3)
    np.testing.assert_allclose(lines[..., 0], plot.cloud)
    np.testing.assert_allclose(lines[..., 1], after, rtol=1e-4)
    assert np.isnan(lines[..., 2]).all()


@pytest.mark.parametrize("system", ["lorenz63", "lorenz96", "qg64"])
def test_a_method_without_latents_says_so(system):
    plot = cycled_estimate_plot("a", "RMSE 1", fields(system, 3), DisplayState(view="latent"))
    assert plot.values is None and plot.note == "RMSE 1 · no latent"
    assert plot.axes == cycled_estimate_plot("a", "", fields(system, 3), DisplayState()).axes


def test_densities_of_forecast_and_latents_lie_beside_that_of_the_analysis():
    shown, state = with_latents("lorenz63"), DisplayState(view="density")
    plot = density_plot("a", "", shown, state, Beside())
    heights = [curve[1].max() for curve in (plot.curves[0], *plot.stages)]
    np.testing.assert_allclose(heights[1:], [heights[0] / 2, heights[0] * 1.5], rtol=0.02)
    assert not density_plot("a", "", fields("lorenz63", 3), state, Beside()).stages
    assert "Dotted: latent" in density_key(shown.system, state, stages=True)


def test_only_cycles_have_these_views():
    system = SYSTEMS.make("qg64")
    assert set(STAGES) <= set(views_of(system, True)) and not set(STAGES) & set(
        views_of(system, False)
    )


def test_both_interfaces_draw_them():
    pytest.importorskip("bokeh")
    from bokeh.models import Range1d

    from dalab.views.panel.plots.field_map import Map
    from dalab.views.render.cycle_figure import CycleFigure

    shown = with_latents("lorenz63")
    plot = density_plot("a", "", shown, DisplayState(view="density"), Beside())
    drawn = Map((Range1d(0, 1), Range1d(0, 1)))
    drawn.show("a", plot, accent="#009E73")
    assert drawn.lines.data["dash"] == ["solid", "solid", "dotdash", "dotted"]
    figure = CycleFigure(["truth", "observations", "etkf"])
    empty = figure.png()
    figure.show({"etkf": plot})
    assert figure.png() != empty


def test_the_gallery_of_a_method_with_latents_shows_the_way_of_one_member():
    shown, display = with_latents("qg64", 2), CycledDisplay()
    display._made["a"] = shown
    titles = [plot.title for plot in display.gallery("a", DisplayState(), 6)]
    assert titles == ["Truth", "Forecast of member 1", "Latent of member 1", "Analysis of member 1",
                      "Mean", "Member 2", "Member 3"]
    display._made["a"] = fields("qg64", 2)
    assert [plot.title for plot in display.gallery("a", DisplayState(), 6)][1:3] == [
        "Mean", "Member 1"
    ]
