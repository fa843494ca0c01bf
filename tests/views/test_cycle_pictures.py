"""Plots and curves of cycled runs as numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dalab.experiments.cycles.recorder import Recorder, Snapshot
from dalab.experiments.schedule import Schedule
from dalab.systems import SYSTEMS
from dalab.views.pictures.cycle_curves import (
    BINS,
    MOST,
    axis_limits,
    cycle_curves,
    mean_length,
    moving_mean,
    rank_histogram,
)
from dalab.views.pictures.cycled_fields import TIMES, TRAIL, CycledFields, CycledSystem
from dalab.views.pictures.cycled_plot import cycled_estimate_plot, cycled_truth_plot, smooth_path
from dalab.views.pictures.field_plot import DisplayState, observation_plot


def fields(system: str, count: int, members: int = 3) -> CycledFields:
    """A trajectory as truth, and analyses off by -0.1, 0, 0.1 ... from it."""
    made = SYSTEMS.make(system)
    states = made.trajectory(made.sample_climate(1, torch.Generator().manual_seed(1))[0], count)
    off = 0.1 * (torch.arange(members) - (members - 1) / 2)[:, None, None, None]
    snapshots = [
        Snapshot(number + 1, x.float(), (x + off).float(), (x + off).float(), (x.float(),))
        for number, x in enumerate(states)
    ]
    channels = (("identity", tuple(f"x{i + 1}" for i in range(made.shape[0]))),)
    return CycledFields(CycledSystem(made, system, channels, 1, {}), snapshots)


def recorder(errors: np.ndarray, members: int = 4) -> Recorder:
    """A recorder of one repeat with these errors."""
    made = Recorder(
        SYSTEMS.make("lorenz96"), Schedule(cycles=len(errors), burn_in=0), 1, members
    )
    for name in ("rmse_analysis", "spread_analysis"):
        made.series[name] = errors[None].copy()
    made.cycle = len(errors)
    return made


def test_a_ring_is_shown_over_the_last_cycles_the_newest_on_top():
    shown = fields("lorenz96", TIMES + 10)
    plot = cycled_truth_plot(shown, DisplayState())
    newest = shown.snapshots[-1].truth[0, 0].numpy() * float(shown.system.scale[0])
    assert plot.values.shape == (TIMES, 40) and plot.note.endswith(f"cycles 11 to {TIMES + 10}")
    np.testing.assert_allclose(plot.values[-1], newest, rtol=1e-5)
    assert (plot.axes.y.ticks[0], plot.axes.y.ticks[-1]) == (1 - TIMES, 0)


def test_the_first_cycles_fill_a_diagram_from_the_top():
    plot = cycled_truth_plot(fields("lorenz96", 3), DisplayState())
    assert np.isnan(plot.values[:-3]).all() and np.isfinite(plot.values[-3:]).all()


def test_views_of_an_estimate_are_those_of_its_members():
    shown, scale = fields("lorenz96", TIMES), float(SYSTEMS.make("lorenz96").scale[0])
    expected = {"spread": 0.1 * scale, "error": 0.0}
    for view, value in expected.items():
        plot = cycled_estimate_plot("m", "", shown, DisplayState(view=view))
        np.testing.assert_allclose(plot.values, value, atol=1e-5)
    seen = observation_plot(shown, DisplayState(observed="identity x"))
    np.testing.assert_allclose(seen.values[-1], shown.snapshots[-1].truth[0, 0], rtol=1e-6)


def test_scales_stay_as_they_are_while_a_flow_evolves():
    shown = fields("qg64", 2)
    first = cycled_truth_plot(shown, DisplayState()).limit
    later = CycledFields(shown.about, [
        Snapshot(9, 3 * s.truth, s.forecast, s.analysis, s.observed) for s in shown.snapshots
    ])
    plot = cycled_truth_plot(later, DisplayState())
    assert plot.limit == first and plot.values.shape == (64, 64) and plot.note.endswith("cycle 9")


def test_between_two_cycles_a_path_is_the_trajectory_of_the_model():
    system = SYSTEMS.make("lorenz63")
    start = system.sample_climate(1, torch.Generator().manual_seed(2))[0]
    states = system.trajectory(start, 4).numpy()
    path = smooth_path(system, states, 1)
    assert len(path) == 3 * 26 + 1, "25 time steps, from one cycle to the next"
    np.testing.assert_allclose(path[::26], states, atol=1e-9)
    np.testing.assert_allclose(path[25::26], states[1:], atol=1e-9)
    later = system.advance(system.physical(start), 7)
    np.testing.assert_allclose(path[7], system.normalised(later).numpy(), atol=1e-9)


def test_systems_without_time_steps_are_joined_as_they_are():
    states = np.random.default_rng(0).normal(size=(5, 1, 1, 40))
    assert smooth_path(SYSTEMS.make("ring"), states, 1) is states


@pytest.mark.parametrize(("layer", "pair"), [(0, (0, 2)), (1, (1, 2)), (2, (2, 0))])
def test_lorenz_63_is_shown_on_its_attractor_with_the_members_at_the_end(layer, pair):
    shown, scale = fields("lorenz63", TRAIL + 5, members=7), SYSTEMS.make("lorenz63").scale
    plot = cycled_estimate_plot("m", "", shown, DisplayState(layer=layer))
    ends = (shown.snapshots[-1].analysis.double() * scale)[:, list(pair), 0, 0].numpy().T
    assert plot.axes.kind == "attractor" and plot.cloud.shape == (2, 7)
    np.testing.assert_allclose(plot.cloud, ends, rtol=1e-5)
    np.testing.assert_allclose(plot.curves[0][:, -1], ends.mean(1), rtol=1e-4, atol=1e-4)
    truth = cycled_truth_plot(shown, DisplayState(layer=layer))
    np.testing.assert_array_equal(plot.truth, truth.curves[0])
    assert plot.axes == truth.axes


def test_the_moving_mean_leaves_out_what_is_not_known():
    values = np.array([1.0, np.nan, 3.0, 5.0])
    np.testing.assert_allclose(moving_mean(values, 2), [1.0, 1.0, 3.0, 4.0])
    assert np.isnan(moving_mean(np.full(3, np.nan), 2)).all()
    assert [mean_length(n) for n in (10, 500, 10**6)] == [5, 20, 200]


def test_curves_of_a_long_run_have_few_points_and_its_extremes():
    errors = 1 + 0.1 * np.sin(np.arange(100_003))
    errors[54_321], errors[77_777] = 9.0, 0.01
    found = cycle_curves(recorder(errors))
    assert len(found.error) <= MOST + 250 and (np.diff(found.cycles) > 0).all()
    assert found.error.max() == 9.0 and found.error.min() == 0.01
    assert found.cycles[found.error.argmax()] == 54_322
    assert len(found.mean) <= MOST and found.mean_cycles[-1] == 100_003
    np.testing.assert_allclose(found.mean[-1], errors[-200:].mean())


def test_there_are_no_curves_before_the_first_cycle():
    empty = Recorder(SYSTEMS.make("lorenz96"), Schedule(cycles=5), 1, 4)
    assert cycle_curves(empty) is None and not len(rank_histogram(empty).share)
    assert axis_limits([]) == (0.05, 2.0)


def test_the_axis_holds_the_curves_and_cuts_off_what_diverges():
    low, high = axis_limits([cycle_curves(recorder(np.linspace(0.3, 0.1, 60)))])
    assert low <= 0.1 and 0.3 <= high <= 0.5
    assert axis_limits([cycle_curves(recorder(np.array([0.3, 1e5])))])[1] == 10.0


def test_ranks_are_shares_of_what_is_expected():
    made = recorder(np.ones(4))
    made.rank_counts[:] = [4, 2, 2, 2, 0]
    found = rank_histogram(made)
    np.testing.assert_allclose(found.share, [2, 1, 1, 1, 0])
    np.testing.assert_allclose(found.position, [0.1, 0.3, 0.5, 0.7, 0.9])


def test_many_ranks_are_put_into_few_bins():
    made = recorder(np.ones(4), members=60)
    made.rank_counts[:] = 7
    found = rank_histogram(made)
    assert len(found.share) == BINS and (np.diff(found.position) > 0).all()
    np.testing.assert_allclose(found.share, 1)
