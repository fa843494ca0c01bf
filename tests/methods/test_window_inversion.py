"""Windows that begin with an inverted forecast instead of noise."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.cycles.driver import Driver
from dalab.experiments.cycles.execution import as_filter
from dalab.experiments.cycles.twin import CycledTwin
from dalab.experiments.experiment import Experiment
from dalab.methods import METHODS
from dalab.methods.diffusion.sampler import invert, noise_levels
from dalab.observations import ObservingNetwork
from dalab.random import MemberStreams
from tests.methods.worlds import ScalarPrior, problem

CONFIG = Config(
    system="ring", cycles=14, burn_in=0, operators=["identity"], masks=["random:0.4"], noise=0.3,
    methods=["spectral:steps=8,start=invert,draws=False,eta=0.14"], members=3, repeats=2,
)


def drive(config):
    twin = CycledTwin(Experiment.of(config))
    (label, method), = twin.experiment.methods.items()
    return Driver(twin, as_filter(method, twin.experiment.window), label, config.members)


def test_the_inversion_stretches_a_gaussian_to_the_spread_of_its_level():
    """By sqrt((c + s^2) / (c + s0^2)) for variance c, up to Euler's error."""
    levels = noise_levels(800, 2.0, 0.02)[::-1]
    found = invert(ScalarPrior(0.5), torch.ones(1, 1, 1, 1, 1, dtype=torch.float64), levels)
    assert float(found) == pytest.approx((4.5 / 0.5004) ** 0.5, rel=3e-3)


@pytest.mark.parametrize("method", [
    "spectral:draws=False", "mmps", "sda:schedule=power,corrections=0", "dps:form=likelihood",
    "dmps:schedule=cosine", "pgdm",
])
def test_without_data_the_first_guess_comes_back(tiny_system, tiny_prior, method):
    given = problem(tiny_system, tiny_prior)
    guess = tiny_prior.sample_climatology(MemberStreams(3, 4, dtype=given.data.dtype))
    blind = replace(given, first_guess=guess, data=given.data[:0], network=unseen(given.network))
    more = "," if ":" in method else ":"
    *_, step = METHODS.make(f"{method}{more}start=invert,turn=1.0,steps=96,eta=0.0").run(
        blind, 4, torch.Generator().manual_seed(0)
    )
    distance = (step.estimate - guess).square().mean().sqrt() / guess.square().mean().sqrt()
    assert float(distance) < 0.1


def unseen(network):
    """A network that observes nothing."""
    return ObservingNetwork(tuple(
        replace(one, mask=torch.zeros_like(one.mask)) for one in network.instruments
    ))


def test_windows_are_the_last_analyses_and_the_forecast_of_every_member():
    driver = drive(CONFIG.replace(gaps="10"))
    before = None
    for found in driver.cycles():
        state = found.carried.state
        if found.moment.cycle in (10, 11) and before is not None:
            assert torch.equal(state["windows"][:, :, :-1], before[:, :, 1:]) == (
                found.moment.cycle == 10
            ), "only forecast without observations"
        assert torch.equal(state["windows"][:, :, -1], found.analysis)
        before = state["windows"]


def test_the_oldest_state_of_a_window_is_smoothed():
    driver = drive(CONFIG)
    known = list(driver.cycles())
    for found in known[8:]:
        assert torch.equal(found.smoothed, found.carried.state["windows"][:, :, 0])
        assert torch.equal(found.smoothed_truth, known[found.moment.cycle - 9].moment.truth)
    assert driver.method.past_times == 8
    assert drive(CONFIG.replace(methods=["spectral:steps=8"])).method.past_times == 0


def test_an_inversion_needs_a_first_guess(tiny_system, tiny_prior):
    method = METHODS.make("spectral:start=invert")
    with pytest.raises(InputError, match="only cycles have"):
        method.run(problem(tiny_system, tiny_prior), 2, torch.Generator())
    with pytest.raises(InputError, match="only cycles have"):
        Experiment.of(CONFIG.replace(cycles=None, burn_in=None, repeats=1))
    with pytest.raises(InputError):
        METHODS.make("soad:start=invert")


def test_inverted_windows_follow_the_flow():
    errors = [float((f.mean - f.moment.truth).square().mean().sqrt())
              for f in drive(CONFIG.replace(cycles=20)).cycles()]
    assert min(errors[:7]) > 0.5 and max(errors[12:]) < 0.4
