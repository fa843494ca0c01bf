"""Exact answers agree with each other and with the methods that are exact."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import trapezoid

from dalab.errors import InputError
from dalab.experiments import exact
from dalab.experiments.config import Config
from dalab.experiments.twin import prepare
from dalab.methods import METHODS
from dalab.random import stream


def test_quadrature_of_a_gaussian_is_the_kalman_update():
    x = np.linspace(-8, 8, 4001)
    posterior = exact.density(x, exact.normal(x, 1.0, 2.0), exact.normal(3.0, x, 0.5))
    gain = 4 / (4 + 0.25)
    mean = trapezoid(x * posterior, x)
    assert trapezoid(posterior, x) == pytest.approx(1.0)
    assert mean == pytest.approx(1.0 + gain * 2.0, abs=1e-6)
    assert trapezoid((x - mean) ** 2 * posterior, x) == pytest.approx((1 - gain) * 4, abs=1e-6)


def test_information_is_the_squared_slope_over_the_noise_variance():
    x = np.linspace(-1, 1, 201)
    found = exact.information(x, lambda v: np.arctan(3 * v), 0.1)
    np.testing.assert_allclose(found[1:-1], (3 / (1 + 9 * x**2) / 0.1)[1:-1] ** 2, rtol=2e-3)


def seen(**changes):
    return prepare(
        Config(system="ring", operators="identity", masks="stride:4", noise=0.3).replace(**changes)
    ).problem


def test_the_dense_answer_is_that_of_the_smoother():
    found = exact.gaussian(seen())
    *_, last = METHODS["rts"]().run(seen(), 400, stream(0))
    assert float((last.estimate.mean(0) - found.mean).abs().max()) < 0.02
    assert float((last.estimate.std(0) - found.std).abs().max()) < 0.1
    assert float((found.sample.mean(0) - found.mean).abs().max()) < 0.3
    assert found.std.max() < 1.0 and found.windows == float("inf")


def test_a_background_is_one_more_observation():
    without, found = exact.gaussian(seen()), exact.gaussian(seen(background=0.2))
    assert (found.std < without.std + 1e-9).all() and found.std[0].max() < 0.2


def test_nonlinear_operators_have_no_dense_answer():
    problem = prepare(Config(system="ring", operators="arctan", masks="full")).problem
    with pytest.raises(InputError, match="must be linear"):
        exact.gaussian(problem)


def test_weighted_windows_of_a_gaussian_climate_give_the_dense_answer():
    config = Config(system="ring", operators="identity", masks="points:[(0,3)]", noise=0.5,
                    interval=8)
    problem = prepare(config).problem
    dense, drawn = exact.gaussian(problem), exact.weighted(problem, 20_000)
    assert drawn.windows > 1000
    assert float((dense.mean - drawn.mean).abs().max()) < 0.15
    assert float((dense.std - drawn.std).abs().max()) < 0.1


@pytest.mark.slow
def test_weighted_windows_of_lorenz63_are_close_to_its_truth():
    twin = prepare(Config(system="lorenz63", operators="identity", masks="full", noise=0.5))
    found = exact.weighted(twin.problem, 100_000)
    error = (found.mean - twin.truth).pow(2).mean().sqrt()
    spread = found.std.pow(2).mean().sqrt()
    assert found.windows > 30 and error < 0.3 and 0.3 < error / spread < 3


def test_a_flow_has_no_weighted_answer():
    with pytest.raises(InputError, match="must draw its climate"):
        exact.weighted(prepare(Config(methods="oi")).problem)
