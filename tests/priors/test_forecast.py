"""What a background says about the whole window: honest errors, at every step."""

from __future__ import annotations

import pytest
import torch

from dalab.priors.covariance import SpectralCovariance, estimate
from dalab.priors.denoisers.forecast import Forecast
from dalab.priors.loading import load_prior
from dalab.random import stream
from dalab.systems import SYSTEMS
from dalab.systems.library import load_states
from tests.rolling import SITES, TIME
from tests.rolling import windows as moving

WINDOW = (TIME, 1, 1, SITES)
LEVELS = (0.05, 0.1, 0.2)


def still(states: torch.Tensor, length: int) -> torch.Tensor:
    """Nothing moves: then the errors of all steps are one and the same."""
    return states[:, None].expand(-1, length, *states.shape[1:])


def windows(count: int, seed: int) -> torch.Tensor:
    return moving(count, seed, smooth=True)[:, :1].expand(-1, TIME, -1, -1, -1)


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    clean = windows(4000, 0)
    fitted = Forecast(WINDOW, still, LEVELS).double()
    assert not fitted.fitted
    for level in range(len(LEVELS)):
        generator = torch.Generator().manual_seed(100 + level)
        noise = torch.randn(clean[:, 0].shape, generator=generator, dtype=clean.dtype)
        fitted.fit_level(level, clean, noise)
    assert fitted.fitted
    return fitted


def blind() -> SpectralCovariance:
    """The climate of a prior that knows no flow: the steps are independent."""
    C = estimate(windows(4000, 0))
    return SpectralCovariance(torch.diag_embed(torch.diagonal(C, dim1=-2, dim2=-1)), WINDOW)


@pytest.mark.slow
@pytest.mark.parametrize("std", [0.05, 0.07, 0.1])
def test_the_background_is_seen_at_every_step_with_the_error_it_has(forecast, std):
    clean = windows(400, 9)
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(clean[:, 0].shape, generator=generator, dtype=clean.dtype)
    squares = torch.zeros(TIME, dtype=torch.float64)
    for window, background in zip(clean, clean[:, 0] + std * noise, strict=True):
        conditioning = blind().condition_on(forecast(background, std))
        found = conditioning.mean(torch.zeros(1, *WINDOW, dtype=torch.float64))[0]
        squares += (found - window).square().mean((1, 2, 3)) / len(clean)
    claimed = conditioning.covariance.variance().flatten()
    assert (squares < 1.1 * std**2).all(), "the climate of one step has variance 1"
    # the blind climate is counted at every step, which claims a little too much
    torch.testing.assert_close(squares, claimed, rtol=0.2, atol=0)


def test_draws_given_the_background_have_the_covariance_that_is_claimed(forecast):
    background = windows(1, 3)[0, 0]
    conditioning = blind().condition_on(forecast(background, 0.2))
    generator = torch.Generator().manual_seed(1)
    normal = torch.randn(2, 4000, *WINDOW, generator=generator, dtype=torch.float64)
    draws = conditioning.mean(blind().sample(normal[0]), normal[1].flatten(2, 3))
    claimed = conditioning.covariance.variance().flatten()
    torch.testing.assert_close(draws.var(0).mean((1, 2, 3)), claimed, rtol=0.1, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count", "bound"), [("qg64", 8, 0.07), ("qg256", 2, 0.06)])
def test_the_bundled_tables_know_the_last_day_nearly_as_well_as_the_first(name, count, bound):
    system = SYSTEMS[name]()
    prior = load_prior(name, system)
    errors = []
    for i, state in enumerate(load_states(name)[:count]):
        truth = system.trajectory(system.step(state, 4), prior.window[0])
        noise = torch.randn(state.shape, generator=stream(i, "background"))
        observation = prior.background_observation(truth[0] + 0.1 * noise, 0.1)
        conditioning = prior.climatological_covariance.condition_on(observation)
        errors.append((conditioning.mean(torch.zeros(1, *prior.window))[0] - truth).square())
    rmse = torch.stack(errors).mean((0, 2, 3, 4)).sqrt()
    claimed = conditioning.covariance.variance().mean((1, 2, 3)).sqrt()
    assert rmse.max() < bound, rmse
    torch.testing.assert_close(rmse, claimed, rtol=0.1, atol=0)
