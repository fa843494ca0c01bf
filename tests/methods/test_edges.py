"""Every baseline at the edges of what can be asked: it goes on or stops cleanly, and says why."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.errors import InputError
from dalab.methods import METHODS
from dalab.methods.ensemble.base import EnsembleFilter
from dalab.methods.generative.base import GenerativeFilter
from dalab.methods.generative.daisi.method import DAISI
from dalab.methods.generative.latent.base import LatentFilter
from dalab.options import build, options
from dalab.random import stream
from tests.methods.worlds import Advection, last, problem

CYCLED = (
    "oi", "var3d", "enkf", "denkf", "enkf-n", "etkf", "letkf", "lnetf", "enks", "ienks", "pf", "pff"
)
BASELINES = ("climatology", "persistence", *CYCLED, "var4d", "kf", "rts")
MIXTURES = ("omega", "rbpf")
"""They take conditional Gaussian systems alone."""
ENSEMBLES = [name for name, cls in METHODS.items() if issubclass(cls, EnsembleFilter)]


def quick(name):
    few = {"iterations": 8, "members": 6}
    cls = METHODS[name]
    return cls(**{k: v for k, v in few.items() if k in options(cls)})


def world(prior, **given):
    return problem(Advection(), prior, ("identity",), **given)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("background", [None, 0.3])
def test_one_member_is_enough_to_ask_for(tiny_prior, name, background):
    p = world(tiny_prior, background=background)
    assert torch.isfinite(last(quick(name), p, 1).estimate).all()


@pytest.mark.parametrize("name", ENSEMBLES)
def test_an_ensemble_of_one_has_no_covariance_and_is_refused(name):
    with pytest.raises(InputError, match="members = 1: must be a whole number at least 2"):
        build("method", f"{name}:members=1", METHODS)


@pytest.mark.parametrize("name", BASELINES)
def test_more_observations_than_numbers_in_the_state(tiny_prior, name):
    """Everything seen twice, nearly without error: covariances are close to singular."""
    p = problem(Advection(), tiny_prior, ("identity", "identity"), mask="full", std=1e-4)
    assert p.network.at(0).size == 2 * torch.Size(p.window[1:]).numel()
    assert torch.isfinite(last(quick(name), p, 2).estimate).all()


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("mask", ["points:[]", "points:[(3, 4)]", "full"])
def test_none_one_and_all_observations(tiny_prior, name, mask):
    assert torch.isfinite(last(quick(name), world(tiny_prior, mask=mask), 2).estimate).all()


@pytest.mark.parametrize("name", CYCLED)
def test_a_forecast_that_overflows_is_passed_on_without_an_analysis(tiny_prior, name):
    """The run calls what is not finite a divergence; no method hides it or breaks on it."""

    class Exploding(Advection):
        def step(self, x, n=1, generator=None):
            return x * float("inf")

    steps = list(quick(name).run(problem(Exploding(), tiny_prior), 2, stream(0)))
    assert len(steps) == tiny_prior.window[0]
    assert torch.isfinite(steps[0].estimate[:, 0]).all()
    assert not torch.isfinite(steps[-1].estimate[:, -1]).all()


@pytest.mark.parametrize("name", ["var4d", "var4d:outer=2,inner=3"])
def test_var4d_keeps_clear_of_states_from_which_the_model_overflows(tiny_prior, name):
    class Fragile(Advection):
        def step(self, x, n=1, generator=None):
            grown = torch.where(x.abs() > 6, torch.inf, x)
            return super().step(grown, n)

        def trajectory(self, x, length):
            return torch.stack([self.step(x, k) for k in range(length)], dim=-4)

    p = problem(Fragile(), tiny_prior, ("identity",), mask="full", std=0.01)
    assert torch.isfinite(last(build("method", name, METHODS), p, 2).estimate).all()


@pytest.mark.parametrize("name", [n for n in ENSEMBLES if n not in ("pf", *MIXTURES)])
def test_members_that_are_all_the_same_are_called_a_collapse(tiny_prior, name):
    p = world(tiny_prior, background=0.5)
    same = replace(p, background=replace(p.background, std=1e-200))
    final = last(quick(name), same, 1)
    assert torch.isfinite(final.estimate).all()
    if issubclass(METHODS[name], LatentFilter):
        return  # the rounding of their encoder may part them
    parted = issubclass(METHODS[name], GenerativeFilter | DAISI)  # by the noise of their samplers
    assert ("collapsed" in final.note) != parted


@pytest.mark.parametrize("name", ENSEMBLES)
def test_what_does_not_fit_into_memory_is_refused_before_work(tiny_prior, name, monkeypatch):
    class Little:
        available = 1000

    monkeypatch.setattr("dalab.machine.psutil.virtual_memory", Little)
    with pytest.raises(InputError, match="must fit in memory.*Use fewer members"):
        next(quick(name).run(world(tiny_prior), 2, stream(0)))
