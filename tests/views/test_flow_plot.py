"""Flows with tracers: images, dots and trails, as numbers and on the maps of both interfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

pytest.importorskip("bokeh")

from bokeh.models import Range1d

from dalab.experiments.cycles.recorder import Snapshot
from dalab.systems import SYSTEMS, System
from dalab.views.panel.plots.field_map import INK, Map
from dalab.views.pictures.cycled_fields import CycledFields, CycledSystem
from dalab.views.pictures.cycled_plot import cycled_estimate_plot, cycled_truth_plot
from dalab.views.pictures.field_plot import DisplayState
from dalab.views.pictures.flow_plot import MEMBERS, TRAIL, flow_of, trails
from dalab.views.render.cycle_figure import CycleFigure

N = 16


@dataclass(frozen=True, kw_only=True)
class Waves(System):
    """Tracers that move one way through two steady waves; their coordinates come first."""

    count: int = 5
    map_shape = (N, N)

    @property
    def shape(self):
        return (2 * self.count + 2, 1, 1)

    def step(self, x, n=1, generator=None):
        moved = x.clone()
        moved[..., : 2 * self.count : 2, :, :] += 0.08 * n
        return moved

    def flow_map(self, states):
        x = (torch.arange(N, dtype=states.dtype) + 0.5) * 2 * torch.pi / N
        waves = torch.stack([x.sin().expand(N, N), x.cos()[:, None].expand(N, N)])
        return torch.einsum("...m,myx->...yx", states[..., -2:, 0, 0], waves)

    def tracer_positions(self, states):
        return states[..., : 2 * self.count, 0, 0].remainder(1.0).unflatten(-1, (self.count, 2))


def fields(count=30, members=4, system=None):
    system = system or Waves()
    x = torch.linspace(0, 0.9, system.shape[0])[:, None, None]
    x[-2:] = torch.tensor([1.0, 0.5])[:, None, None]
    snapshots = []
    for number in range(count):
        off = 0.1 * (torch.arange(members) - (members - 1) / 2)[:, None, None, None]
        analysis = x + off * torch.eye(len(x))[-2][:, None, None]  # the first wave alone
        snapshots.append(Snapshot(number + 1, x, analysis, analysis, ()))
        x = system.step(x)
    channels = (("identity", tuple(f"x{i + 1}" for i in range(system.shape[0]))),)
    return CycledFields(CycledSystem(system, "waves", channels, 1, {}), snapshots)


def test_a_system_with_a_map_is_known_by_what_it_has():
    assert flow_of(Waves()) is not None
    assert all(flow_of(SYSTEMS.make(name)) is None for name in ("lorenz63", "qg64", "lorenz96"))


def test_the_truth_is_an_image_with_tracers_and_their_trails():
    shown = fields()
    plot = cycled_truth_plot(shown, DisplayState())
    newest = shown.snapshots[-1].truth
    np.testing.assert_allclose(plot.values, Waves().flow_map(newest), rtol=1e-6)
    np.testing.assert_allclose(plot.cloud, Waves().tracer_positions(newest).T)
    assert plot.axes.kind == "flow" and plot.note == "vorticity · cycle 30"
    assert plot.limit >= 2 * plot.values.std()
    assert len(plot.curves) == 1 and np.isfinite(plot.curves[0]).sum() == 2 * 5 * TRAIL


def test_trails_are_interrupted_between_tracers_and_at_the_sides():
    leaving, rising = [[0.7, 0.5], [0.9, 0.5], [0.1, 0.5]], [[0.2, 0.9], [0.2, 0.8], [0.2, 0.7]]
    places = np.array([leaving, rising]).swapaxes(0, 1)
    x, y = trails(places)
    np.testing.assert_array_equal(x, [0.7, 0.9, np.nan, 0.1, np.nan, 0.2, 0.2, 0.2, np.nan])
    np.testing.assert_array_equal(y[-4:], [0.9, 0.8, 0.7, np.nan])


@pytest.mark.parametrize("view", ["mean", "sample", "spread", "error"])
def test_views_of_a_method_are_those_of_its_vorticity(view):
    shown, system = fields(), Waves()
    plot = cycled_estimate_plot("m", "RMSE", shown, DisplayState(view=view, member=2))
    newest = shown.snapshots[-1]
    wave = system.flow_map(torch.eye(12)[-2][:, None, None]).numpy()
    expected = {
        "mean": system.flow_map(newest.truth), "sample": system.flow_map(newest.analysis[1]),
        "spread": np.abs(wave) * np.std([-0.15, -0.05, 0.05, 0.15], ddof=1), "error": 0 * wave,
    }
    np.testing.assert_allclose(plot.values, expected[view], atol=1e-5)
    assert plot.cloud.shape == (2, 5) and plot.curves == ()
    assert plot.kind == ("sequential" if view == "spread" else "diverging")


def test_the_spread_of_one_member_is_zero_and_that_of_many_is_of_some():
    assert not cycled_estimate_plot("m", "", fields(members=1), DisplayState(view="spread")) \
        .values.any()
    many = cycled_estimate_plot("m", "", fields(3, 3 * MEMBERS), DisplayState(view="spread"))
    assert many.values.max() > 1


def test_the_page_draws_image_dots_and_trails_on_ranges_of_their_own():
    shown = fields()
    truth, method = Map((Range1d(0, 1), Range1d(0, 1))), Map((Range1d(0, 1), Range1d(0, 1)))
    truth.show("truth", cycled_truth_plot(shown, DisplayState()))
    plot = cycled_estimate_plot("etkf", "", shown, DisplayState())
    method.show("etkf", plot, accent="#009E73")
    assert truth.image.visible and truth.source.data["image"][0].shape == (N, N)
    assert truth.points.data["colour"] == [INK] * 5 and len(truth.lines.data["xs"]) == 1
    assert method.points.data["colour"] == ["#009E73"] * 5 and not method.lines.data["xs"]
    assert method.points.data["edge"] == ["#ffffff"] * 5
    assert method.figure.x_range is method._own[0] and method.figure.x_range.end == 1


def test_the_notebook_draws_them_too():
    figure, shown = CycleFigure(["truth", "observations", "etkf"]), fields()
    empty = figure.png()
    figure.show({"truth": cycled_truth_plot(shown, DisplayState()),
                 "etkf": cycled_estimate_plot("etkf", "", shown, DisplayState())})
    drawn = figure._maps["truth"]
    assert figure.png() != empty and drawn.image.get_visible()
    assert len(drawn.cloud.get_xdata()) == 5
