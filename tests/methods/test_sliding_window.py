"""Window methods in a cycled experiment: the first window is the method's own, later ones slide."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.experiments.config import Config
from dalab.experiments.cycles.driver import Driver
from dalab.experiments.cycles.execution import as_filter
from dalab.experiments.cycles.twin import CycledTwin
from dalab.experiments.experiment import Experiment
from dalab.methods.sliding_window import SlidingWindow, white_spread

CONFIG = Config(
    system="ring", cycles=14, burn_in=0, operators=["identity"], masks=["random:0.4"], noise=0.3,
    methods=["spectral:steps=8"], members=3, repeats=2,
)


def drive(config):
    twin = CycledTwin(Experiment.of(config))
    (label, method), = twin.experiment.methods.items()
    return twin, Driver(twin, as_filter(method, twin.experiment.window), label, config.members)


def test_windows_are_estimated_from_the_first_full_one_on():
    """Eight analyses and the start make up the first window of nine states."""
    twin, driver = drive(CONFIG)
    assert isinstance(driver.method, SlidingWindow)
    for found in driver.cycles():
        moved = not torch.equal(found.analysis, found.forecast)
        assert moved == (found.moment.cycle >= 8)
    assert torch.equal(found.carried.state["means"][:, -1], found.mean)


def test_a_window_holds_the_observations_of_its_own_times():
    """Slots of the window against what was observed at each time, gaps included."""
    twin, driver = drive(CONFIG.replace(gaps="10-11"))
    seen = {}
    for found in driver.cycles():
        moment = found.moment
        seen[moment.cycle] = None if moment.data is None else moment.network.instruments[0].put(
            moment.data
        )[:, 0]
        state = found.carried.state
        if moment.data is None:
            continue
        for back in range(min(moment.cycle, 9)):
            slot, known = state["data 0"][:, 8 - back], seen[moment.cycle - back]
            expected = torch.zeros_like(slot) if known is None else known
            assert torch.equal(slot, expected)
            assert bool(state["mask 0"][8 - back].any()) == (known is not None)


def test_the_background_is_the_analysis_of_its_time_and_nothing_counts_twice():
    _, driver = drive(CONFIG.replace(cycles=19))
    analyses = {}
    for found in driver.cycles():
        cycle, state = found.moment.cycle, found.carried.state
        analyses[cycle] = found.analysis
        if cycle < 8:
            continue
        problem = replace(driver.problem, network=found.moment.network, data=found.moment.data)
        window = driver.method.window(state, problem, 1)
        first = bool(window.network.instruments[0].mask[0].any())
        if cycle < 16:  # the first state of the window was a forecast
            assert window.background is None and first == (cycle > 8)
        else:
            known = analyses[cycle - 8][1]
            torch.testing.assert_close(window.background.state, known.mean(0))
            assert window.background.std == pytest.approx(float(white_spread(known[None])))
            assert not first
        assert window.network.instruments[0].mask[1:].flatten(1).any(1).all()
        assert window.data.shape == (window.network.size,)


def test_a_sliding_window_follows_the_flow():
    """From climatological ignorance to well below the noise."""
    _, driver = drive(CONFIG.replace(cycles=24))
    errors = [
        float((f.mean - f.moment.truth).square().mean().sqrt()) for f in driver.cycles()
    ]
    assert min(errors[:7]) > 0.5 and max(errors[12:]) < 0.3


@pytest.mark.parametrize("shape", [(2, 32, 32), (1, 1, 40), (3, 1, 1)])
def test_the_spread_of_white_errors_is_their_standard_deviation(shape):
    x = 0.3 * torch.randn(2, 400, *shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(white_spread(x), torch.full((2,), 0.3), rtol=0.06, atol=0)


def test_errors_of_large_scales_count_as_larger_white_ones():
    """Errors in wavenumbers 2 and 3 along x and y alone, those of one octave."""
    white = torch.randn(1, 200, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    spectrum = torch.fft.fft2(white)
    k = torch.fft.fftfreq(32) * 32
    ring = torch.hypot(k[:, None], k).round()
    kept = (ring >= 2) & (ring <= 3)
    x = torch.fft.ifft2(spectrum * kept).real
    root_mean_square = float(x.var(1).mean().sqrt())
    assert root_mean_square == pytest.approx(float(kept.double().mean()) ** 0.5, rel=0.05)
    assert float(white_spread(x)) == pytest.approx(1.0, rel=0.05)
