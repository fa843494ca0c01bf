"""Every noise family has mean zero and variance one; the log-normal has its skew."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.observations import NOISES
from dalab.random import stream


@pytest.mark.parametrize("name", sorted(NOISES))
def test_moments(name):
    draws = NOISES[name]().sample(400_000, stream(0)).double()
    assert abs(draws.mean()) < 0.01
    assert draws.std() == pytest.approx(1.0, abs=0.015)
    assert torch.equal(draws, NOISES[name]().sample(400_000, stream(0)).double())


def test_shapes_differ_as_they_should():
    def kurtosis(name: str) -> float:
        return float((NOISES[name]().sample(400_000, stream(1)).double() ** 4).mean())

    assert kurtosis("gaussian") == pytest.approx(3.0, abs=0.1)
    assert kurtosis("laplace") == pytest.approx(6.0, abs=0.5)
    assert kurtosis("uniform") == pytest.approx(1.8, abs=0.05)


def test_uniform_is_bounded_and_lognormal_is_skewed():
    uniform = NOISES["uniform"]().sample(10_000, stream(0))
    assert uniform.abs().max() <= math.sqrt(3) + 1e-6
    skew = (NOISES["lognormal"](shape=0.5).sample(400_000, stream(0)).double() ** 3).mean()
    s2 = math.exp(0.25)
    assert skew == pytest.approx((s2 + 2) * math.sqrt(s2 - 1), rel=0.05)
