"""What every registered method must do, whatever it is."""

from __future__ import annotations

from dataclasses import replace

import param
import pytest
import torch

from dalab.errors import InputError
from dalab.methods import METHODS, Filter
from dalab.methods.families import families
from dalab.observations import ObservingNetwork
from dalab.options import describe, options
from dalab.random import stream
from tests.methods.worlds import Advection, Cells, augmented, last, problem, with_climate

TOO_HOT = ("sda-released", "soad")
"""One score for five corrections adds variance: tested by its values."""

LINEAR = ("kf", "rts")
"""They refuse nonlinear systems and operators."""

BLIND = ("climatology", "persistence")
"""Reference forecasts, which look at no observation."""

MIXTURES = ("omega", "rbpf")
"""They take conditional Gaussian systems alone, of which they see the resolved fields."""

PARTICLES = ("pf", "lnetf", "ccdm", *MIXTURES)
"""They weight members by their likelihoods."""


FIXED_GAIN = ("ensf", "enff", "latent-ensf")
"""Their constants are gains for one noise level: tested by their values."""

PATIENT = {"sda": 256, "ssls": 1000}
"""Their small gamma, and its short steps, need as many steps as published."""

LEARNING = ("la", "latent-ensf")
"""They learn from the climate of the system, which has to have one."""

QUICK = {names[0] for names in families().values()}
"""One member of each family; all others are slow together."""


def params():
    """All methods by name."""
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
            for name in sorted(METHODS)]


@pytest.fixture(params=params())
def method(request):
    cls = METHODS[request.param]
    quick = {"steps": 6, "iterations": 10, "states": 400}
    return cls(**{k: v for k, v in quick.items() if k in options(cls)})


@pytest.mark.parametrize("name", sorted(METHODS))
def test_no_option_hides_a_part_of_the_contract(name):
    contract = set(dir(Filter)) - set(dir(param.Parameterized))
    assert not contract & (set(options(METHODS[name])) - {"family"})


def name(method):
    """What the registry calls a method."""
    return describe(type(method)(), METHODS)


def given(method, system, prior, operators=("identity",), **options):
    """A problem with all that the method needs."""
    if name(method) in LINEAR:
        system, operators = Advection(), ("identity",)
    if name(method) in MIXTURES:
        system, operators = Cells(), ("component",)
    if name(method) in LEARNING:
        system = with_climate(system, prior)
    made = problem(system, prior, operators, **options)
    return augmented(made) if method.uses_augmented else made


@pytest.fixture
def small(method, tiny_system, tiny_prior):
    return given(method, tiny_system, tiny_prior, ("arctan",), background=0.2)


def test_options_are_bounded_and_documented(method):
    for option, parameter in options(type(method)).items():
        assert parameter.doc, option
        if isinstance(parameter, param.Number):
            assert parameter.bounds is not None, option
    assert len(type(method).__doc__) > 20


def test_yields_steps_of_the_window(method, small):
    steps = list(method.run(small, 3, stream(0)))
    members = method.size(3)
    assert [s.done for s in steps] == list(range(1, steps[0].total + 1))
    assert all(s.estimate.shape == (members, *small.window) for s in steps)
    assert all(torch.isfinite(s.estimate).all() for s in steps)
    assert all(a.seconds < b.seconds for a, b in zip(steps, steps[1:], strict=False))
    assert steps[-1].fraction == 1.0 and steps[-1].spread.shape == small.window


def test_counts_network_evaluations_unless_it_uses_the_model(method, small):
    evaluations = [s.evaluations for s in method.run(small, 1, stream(0))]
    assert evaluations == sorted(evaluations)
    assert (evaluations[-1] == 0) == (method.uses_model or name(method) in BLIND)


def test_same_seed_same_numbers_another_seed_others(method, small):
    a, b, c = (last(method, small, 2, seed).estimate for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_draws_nothing_from_the_global_stream(method, small):
    before = torch.random.get_rng_state()
    last(method, small, 2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_member_does_not_depend_on_the_others(method, small):
    if method.coupled:
        pytest.skip("an ensemble method: its members belong together")
    alone, among = last(method, small, 1).estimate, last(method, small, 5).estimate
    torch.testing.assert_close(alone[0], among[0], rtol=1e-7, atol=1e-9)


def test_closing_the_generator_stops_it(method, small):
    run = method.run(small, 2, stream(0))
    next(run)
    run.close()
    assert next(run, None) is None


def test_without_data_it_returns_the_prior(method, tiny_system, tiny_prior):
    if name(method) in TOO_HOT:
        pytest.skip("its corrector adds variance; tested by its values")
    blind = given(method, tiny_system, tiny_prior, ("identity",), mask="points:[]")
    assert blind.network.size == 0
    if not method.uses_model and "steps" in options(type(method)):
        method = type(method)(steps=250, sigma_min=0.005)  # fewer take variance from small modes
    estimate = last(method, blind, 64).estimate
    first = estimate[:, 0]
    expected = tiny_prior.climatological_covariance.variance()[0].mean().item()
    assert abs(first.mean()) < 0.1
    assert first.var() == pytest.approx(expected, rel=0.06)


def test_follows_accurate_observations_of_a_step(method, tiny_system, tiny_prior):
    """Only of the first: the steps of a draw of the prior do not follow from each other."""
    if type(method).__name__ == "DPS":
        pytest.skip("DPS follows the data only as far as its zeta allows; tested by its formula")
    if type(method).__name__ == "SDAReleased":
        pytest.skip("its guidance points away from the data; tested by its values")
    if name(method) in BLIND:
        pytest.skip("it does not look")
    if name(method) in PARTICLES:
        pytest.skip("their members grow exponentially with the state; tested on a scalar")
    if name(method) in FIXED_GAIN:
        pytest.skip("their constants are gains for one noise level; tested by their values")
    sharp = first_step(given(method, tiny_system, tiny_prior, mask="full", std=0.02))
    steps = PATIENT.get(name(method), 60)
    members = 200 if method.coupled else 8
    generous = {"steps": steps, "members": members, "localisation": 1.0, "iterations": 40}
    known = options(type(method))
    method = type(method)(**{k: v for k, v in generous.items() if k in known})
    estimate = last(method, sharp, 4).estimate.mean(0)[0]
    truth_like = sharp.network.instruments[0].put(sharp.data)[0]
    assert (estimate - truth_like).pow(2).mean().sqrt() < 0.25


def first_step(problem):
    """The same problem with the observations of step 0 alone."""
    first = torch.arange(problem.network.steps)[:, None, None] == 0
    instruments = [replace(i, mask=i.mask & first) for i in problem.network.instruments]
    data = problem.data[problem.network.rows(0)]
    return replace(problem, network=ObservingNetwork(tuple(instruments)), data=data)


def test_zero_members_are_refused_before_any_work(method, small):
    with pytest.raises(InputError, match="members = 0: must be at least 1. Use 8."):
        method.run(small, 0, stream(0))


def test_changing_data_changes_the_answer(method, small):
    if name(method) in BLIND:
        pytest.skip("it does not look")
    other = replace(small, data=small.data + 0.5)
    assert not torch.allclose(last(method, small, 2).estimate, last(method, other, 2).estimate)
