"""One normal step from a known state, observed with error 1: the posterior is N(y/2, 1/2)."""

from __future__ import annotations

import pytest
import torch

from dalab.methods import METHODS, Problem
from dalab.observations import OPERATORS, network
from dalab.random import TimeStreams, stream
from dalab.systems import System

N = 200
DATA = 2**0.5 * torch.randn(12, generator=stream(0, "data"), dtype=torch.float64)


class Walk(System):
    """A number that takes a normal step in every interval."""

    name, dims, units, interval, symbol = "walk", ("lev", "y", "x"), "1", 1.0, "x"
    shape = (1, 1, 1)
    offset = torch.zeros(1, 1, 1, dtype=torch.float64)
    scale = torch.ones(1, 1, 1, dtype=torch.float64)

    def step(self, x, n=1, generator=None):
        return x + n**0.5 * torch.randn(x.shape, generator=generator, dtype=x.dtype)


def analysed(text):
    """Mean and variance of the analyses of every datum."""
    system, generator = Walk(), stream(1, text)
    net = network(OPERATORS["identity"](system), noise=1.0).realise(steps=1)
    problem = Problem(system, None, net, DATA[:, None], cycled=True)
    method = METHODS.make(text).prepare(problem)
    start = torch.zeros(len(DATA), N, 1, 1, 1, dtype=torch.float64)
    streams = TimeStreams(generator, N, dtype=torch.float64)
    state = method.forecast(method.begin(start, problem), problem, 1, generator)
    x = method.estimate(method.assimilate(state, problem, streams), streams).flatten(1)
    return x.mean(-1), x.var(-1)


def divergence(text):
    """Mean KL divergence of the normal law of the analyses from the posterior."""
    m, v = analysed(text)
    return float((2 * v + 2 * (m - DATA / 2).square() - 1 - (2 * v).log()).mean() / 2)


@pytest.mark.parametrize("text", [
    "enkf:inflation=1,localisation=0", "etkf:inflation=1", "pf", "ensf:score=conditional,steps=300",
])
def test_exact_filters_differ_by_their_sampling_error(text):
    """That of N independent draws is 1/N; the members of a filter differ less, or a little more."""
    assert divergence(f"{text}{',' if ':' in text else ':'}members={N}") < 3 / N


@pytest.mark.parametrize(("text", "variance"), [
    ("ensf:steps=100", 0.91),  # a nudging, whatever the spread
    ("ensf:score=mixture,steps=50", 0.446),
    ("enff:coupling=ot,steps=30,guidance=0.5", 0.455),
    ("enff:coupling=ot,steps=30,guidance=1", 0.208),
])
def test_score_and_flow_filters_have_the_variances_of_many_members_and_steps(text, variance):
    """The exact one is 0.5."""
    _, found = analysed(f"{text},members={N}")
    assert float(found.mean()) == pytest.approx(variance, abs=0.05)
