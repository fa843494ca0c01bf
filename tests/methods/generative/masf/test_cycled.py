"""MASF cycled with an AR(1) process, whose answers are known, the wrong ones too."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.generative.masf.method import MASF
from dalab.random import TimeStreams, stream
from tests.methods.generative.test_ensf import observed

CYCLED = [("guided", 0.3840, 0.2362), ("bridge", 0.3694, 0.3694)]
"""Sampler, RMSE and spread of all analyses for errors of variance 0.25."""


def cycled(method, repeats, cycles, members, burn_in, R=0.25, phi=0.9, Q=0.19):
    """RMSE and spread of the analyses of an AR(1) process over repeats and cycles."""
    generator, streams = stream(1), TimeStreams(stream(2), members)

    def normal(*shape):
        return torch.randn(*shape, 1, 1, 1, generator=generator)

    truth, x = normal(repeats), normal(repeats, members)
    squares, variances = [], []
    for k in range(burn_in + cycles):
        truth = phi * truth + Q**0.5 * normal(repeats)
        x = phi * x + Q**0.5 * normal(repeats, members)
        y = truth + R**0.5 * normal(repeats)
        likelihood = observed(1, R**0.5, 0.0)
        object.__setattr__(likelihood, "data", y.flatten(1))
        x = method.sample(x, likelihood, streams)
        if k >= burn_in:
            squares.append((x.mean(1) - truth).square().mean())
            variances.append(x.var(1).mean())
    return tuple(float(torch.stack(v).mean().sqrt()) for v in (squares, variances))


@pytest.mark.parametrize("sampler, error, spread", CYCLED)
def test_a_short_run_tells_the_samplers_apart(sampler, error, spread):
    found = cycled(MASF(sampler=sampler, steps=150), 200, 4, 60, burn_in=4)
    assert found == pytest.approx((error, spread), rel=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("sampler, error, spread", CYCLED)
def test_it_has_the_known_error_and_spread(sampler, error, spread):
    """5000 analyses of 1000 members: the error bar of the RMSE is 1 %, that of the steps 2 %."""
    found = cycled(MASF(sampler=sampler, steps=150), 100, 50, 1000, burn_in=15)
    assert found[0] == pytest.approx(error, rel=0.03)
    assert found[1] == pytest.approx(spread, rel=0.025)
