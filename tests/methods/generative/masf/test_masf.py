"""The filter of MASF: embedded observations, its samplers on ensembles, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.errors import InputError
from dalab.methods.ensemble.enkf import anomalies, global_increment
from dalab.methods.generative.base import Likelihood
from dalab.methods.generative.masf.embedding import embed
from dalab.methods.generative.masf.method import MASF
from dalab.observations import OPERATORS, network
from dalab.random import MemberStreams, stream
from tests.methods.generative.test_ensf import observed, quantiles, streams
from tests.methods.worlds import Advection, last, problem

SMOOTH = {"rtol": 1e-3, "atol": 2e-3}
"""Of means, which are exact but for the state that is left at the first pseudo-time."""


class Scaled(Advection):
    """Waves whose variables have a mean and a scale."""

    shape = (1, 8, 8)
    offset = torch.full((1, 1, 1), 2.0, dtype=torch.float64)
    scale = torch.full((1, 1, 1), 3.0, dtype=torch.float64)


def forecasts(N, *leading, shape=(1, 8, 8)):
    """Smooth forecasts, ``(*leading, N, lev, y, x)``."""
    x = torch.randn(*leading, N, *shape, generator=stream(1), dtype=torch.float64)
    return x + x.roll(1, -1)


def seen_by(ratio, number, shape=(1, 8, 8)):
    return torch.rand(*shape, generator=stream(2, number)) < ratio


def of(system, operators, masks, noises, *leading):
    """Likelihood of random data of several instruments."""
    instruments = [
        network(operator, mask=mask, noise=noise).realise().instruments[0]
        for operator, mask, noise in zip(operators, masks, noises, strict=True)
    ]
    net = replace(network(operators[0], mask=masks[0], noise=0.1).realise(),
                  instruments=tuple(instruments))
    data = torch.randn(*leading, net.size, generator=stream(4), dtype=torch.float64)
    return Likelihood(net, data)


def kalman_mean(x, likelihood):
    """Mean of the analysis of the Gaussian of an ensemble, ``(..., lev, y, x)``."""
    Y = anomalies(likelihood.observed(x), -2)
    e = likelihood.innovations(x)
    return (x + global_increment(anomalies(x, -4), Y, e)).mean(-4)


def identity(system, units="normalised"):
    return OPERATORS["identity"](system, units=units)


# ---------------------------------------------------------------- embedded observations


def test_what_instruments_say_of_one_variable_is_one_number():
    system = Scaled()
    full = torch.ones(1, 8, 8, dtype=torch.bool)
    half = seen_by(0.5, 0)
    likelihood = of(system, [identity(system), identity(system, "physical")], [full, half],
                    [0.2, 0.9])
    found = embed(likelihood, forecasts(2))
    first, second = likelihood.network.split(likelihood.data)
    z, other = first.reshape(8, 8), torch.zeros(8, 8, dtype=torch.float64)
    other[half[0]] = second / 3
    both = (z / 0.04 + other / 0.09) / (1 / 0.04 + 1 / 0.09)
    torch.testing.assert_close(found.z[0], torch.where(half[0], both, z))
    sigma = torch.where(half[0], (1 / 0.04 + 1 / 0.09) ** -0.5, 0.2)
    torch.testing.assert_close(found.sigma[0], sigma.double())
    assert found.seen.all() and not found.b.any()


def test_what_is_not_observed_has_the_noise_of_what_is():
    system, half = Scaled(), seen_by(0.5, 0)
    found = embed(of(system, [identity(system)], [half], [0.2]), forecasts(2))
    torch.testing.assert_close(found.sigma, torch.full((1, 8, 8), 0.2, dtype=torch.float64))
    assert torch.equal(found.bridge().h.bool(), half) and not found.z[~half].any()
    wide = embed(of(system, [identity(system)], [half], [0.2]), forecasts(2), 1.5)
    assert (wide.sigma[~half] == 1.5).all() and (wide.sigma[half] == wide.sigma[half][0]).all()


@pytest.mark.parametrize("sampler", ["bridge", "augmented", "guided"])
def test_units_make_no_difference(sampler):
    system, half = Scaled(), seen_by(0.4, 0)
    likelihood, x = of(system, [identity(system)], [half], [0.3]), forecasts(6)
    method = MASF(sampler=sampler, steps=40)
    expected = method.sample(x, likelihood, streams(6))
    physical = replace(likelihood, system=system)
    found = system.normalised(method.sample(system.physical(x), physical, streams(6)))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- samplers on ensembles


@pytest.mark.parametrize("N", [6, 80])
@pytest.mark.parametrize("sampler", ["bridge", "augmented"])
def test_without_noise_the_bridge_ends_at_the_kalman_mean(N, sampler):
    """With fewer members than variables, and with more; two instruments of different errors."""
    system = Advection()
    system.shape = (1, 8, 8)
    likelihood = of(system, [identity(system)] * 2, [seen_by(0.3, 0), seen_by(0.3, 1)], [0.3, 0.6])
    x = forecasts(N)
    found = MASF(sampler=sampler, steps=60).sample(x, likelihood, streams(N).scaled(0.0))
    torch.testing.assert_close(found, kalman_mean(x, likelihood).expand_as(x), **SMOOTH)


def test_repeats_are_separate():
    system = Advection()
    system.shape = (1, 8, 8)
    likelihood = of(system, [identity(system)], [seen_by(0.4, 0)], [0.3], 3)
    x = forecasts(7, 3)
    for sampler in ("bridge", "augmented", "guided", "nonlinear"):
        method, still = MASF(sampler=sampler, steps=20), streams(7).scaled(0.0)
        found = method.sample(x, likelihood, still)
        for k in range(3):
            alone = method.sample(x[k], replace(likelihood, data=likelihood.data[k]), still)
            torch.testing.assert_close(found[k], alone)


@pytest.mark.parametrize("sampler", ["bridge", "augmented", "guided", "nonlinear"])
def test_single_precision_is_enough(sampler):
    system = Advection()
    system.shape = (1, 8, 8)
    likelihood = of(system, [identity(system)], [seen_by(0.4, 0)], [0.05])
    x, method, still = forecasts(12), MASF(sampler=sampler), streams(12).scaled(0.0)
    exact = method.sample(x, likelihood, still)
    single = replace(likelihood, data=likelihood.data.float())
    found = method.sample(x.float(), single, MemberStreams(0, 12).scaled(0.0))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=3e-3)


def arctan(y, r):
    system = Advection()
    system.shape = (1, 1, 1)
    net = network(OPERATORS["arctan"](system), mask=torch.ones(1, 1, 1, dtype=torch.bool), noise=r)
    return Likelihood(net.realise(), torch.tensor([y], dtype=torch.float64))


def test_augmented_it_regresses_on_a_nonlinear_observation():
    """With the Gaussian of state and observation, the answer of an EnKF."""
    x, likelihood = quantiles(200) + 0.3, arctan(0.9, 0.2)
    found = MASF(steps=400).sample(x, likelihood, streams(200).scaled(0.0))
    expected = kalman_mean(x, likelihood)
    torch.testing.assert_close(found, expected.expand_as(x), **SMOOTH)


@pytest.mark.parametrize("y", [0.9, 1.6])
def test_augmented_it_has_the_posterior_of_the_mixture(y):
    """Whose members have the weights of a particle filter, for a nonlinear operator too."""
    N, r = 400, 0.2
    x, likelihood = quantiles(N), arctan(y, r)
    weights = torch.softmax(-likelihood.innovations(x).square().sum(-1) / 2, -1)
    mean = (weights * x.flatten()).sum()
    variance = (weights * (x.flatten() - mean).square()).sum()
    found = MASF(score="mixture", steps=150).sample(x, likelihood, streams(N))
    assert found.mean() == pytest.approx(float(mean), abs=4 * float(variance / N) ** 0.5)
    assert found.var() == pytest.approx(float(variance), rel=0.2)


def test_the_mixture_of_many_forecasts_has_the_exact_posterior():
    N, r = 400, 0.5
    x = quantiles(N)
    low, high = (MASF(score="mixture").sample(x, observed(1, r, y), streams(N)) for y in (0.0, 1.0))
    assert high.mean() - low.mean() == pytest.approx(0.8, abs=0.03)
    assert high.var() == pytest.approx(0.2, rel=0.2)


# ---------------------------------------------------------------- choices and refusals


def test_it_takes_the_bridge_where_it_can(tiny_system, tiny_prior):
    chosen = {name: MASF().sampler_for(problem(tiny_system, tiny_prior, (name,)).network)
              for name in ("identity", "arctan", "speed", "velocity")}
    assert chosen == {"identity": "bridge", "arctan": "augmented", "speed": "augmented",
                      "velocity": "augmented"}


REFUSED = [
    ({"sampler": "bridge"}, ("arctan",), "operator of the bridge"),
    ({"sampler": "guided"}, ("velocity",), "operator of the bridge"),
    ({"sampler": "nonlinear"}, ("velocity",), "channels of operator velocity"),
    ({"sampler": "nonlinear"}, ("arctan", "identity"), "cells that two operators see"),
    ({"released": True}, ("identity",), "must be guided or nonlinear"),
    ({"scales": True}, ("arctan",), "must be guided or nonlinear"),
]


@pytest.mark.parametrize("options, operators, message", REFUSED)
def test_what_a_sampler_cannot_do_is_refused(tiny_system, tiny_prior, options, operators, message):
    made = problem(tiny_system, tiny_prior, operators, mask="full", background=0.3)
    with pytest.raises(InputError, match=message):
        MASF(**options).run(made, 4, stream(0))


@pytest.mark.parametrize("score", ["gaussian", "mixture"])
@pytest.mark.parametrize("sampler, operators", [
    ("bridge", ("identity",)), ("guided", ("identity",)), ("nonlinear", ("speed",)),
    ("nonlinear", ("arctan",)), ("augmented", ("velocity", "arctan")),
])
def test_it_runs_through_windows_of_any_operator(
    tiny_system, tiny_prior, score, sampler, operators
):
    made = problem(tiny_system, tiny_prior, operators, background=0.3, std=0.3)
    method = MASF(score=score, sampler=sampler, members=6, steps=30)
    assert last(method, made, 6).estimate.isfinite().all()
