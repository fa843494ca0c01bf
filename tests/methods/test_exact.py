"""Methods against exact answers of linear-Gaussian problems."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.diffusion.mmps import MMPS
from dalab.methods.diffusion.spectral import SpectralGuidance
from dalab.methods.diffusion.stacked_observations import StackedObservations
from dalab.methods.gaussian.update import Gaussian, background_observation
from dalab.methods.gaussian.update import posterior as guided
from dalab.methods.variational.oi import OptimalInterpolation
from dalab.priors import GaussianPrior, Prior
from dalab.random import stream
from tests.dense import matrix, posterior
from tests.methods.worlds import last, problem


def exact(p, prior_mean=None, covariance=None):
    """Posterior mean and covariance of a linear problem with its background."""
    C = matrix(covariance or p.prior.climatological_covariance, p.window)
    observations = StackedObservations(p)
    H = matrix(observations.apply, p.window)
    mean = torch.zeros(len(C), dtype=C.dtype) if prior_mean is None else prior_mean
    return posterior(mean, C, H, observations.variance.double(), observations.data)


# ---------------------------------------------------------------- spectral guidance


@pytest.mark.parametrize("operators", [("identity",), ("velocity",), ("identity", "velocity")])
@pytest.mark.parametrize("background", [None, 0.2])
@pytest.mark.parametrize("sigma", [0.1, 3.0])
def test_guided_mean_is_exact_at_every_level(tiny_system, tiny_prior, operators, background, sigma):
    p = problem(tiny_system, tiny_prior, operators, background=background)
    x = torch.randn(2, *p.window, generator=stream(5), dtype=torch.float64)
    D, cov = tiny_prior.denoise(x, sigma), tiny_prior.error_covariance(sigma)
    found = guided(p, Gaussian(D, cov), background_observation(p), iterations=400)
    for member in range(2):
        mean, _ = exact(p, D[member].flatten(), cov)
        torch.testing.assert_close(found[member].flatten(), mean, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("background", [None, 0.3])
@pytest.mark.parametrize("steps, eta", [
    (2, 1.0), *(pytest.param(12, eta, marks=pytest.mark.slow) for eta in (1.0, 0.5)),
])  # fmt: skip
def test_spectral_samples_the_exact_posterior(tiny_system, tiny_prior, background, steps, eta):
    """With draws, for any number of steps; for any eta, if the first noise drowns the data."""
    p = problem(tiny_system, tiny_prior, ("identity",), background=background)
    mean, P = exact(p)
    members = 400
    high = 20.0 if eta == 1 else 400.0
    method = SpectralGuidance(steps=steps, eta=eta, iterations=60, sigma_max=high)
    draws = last(method, p, members).estimate.flatten(1)
    error = draws.mean(0) - mean
    assert error @ torch.linalg.solve(P, error) * members / len(mean) == pytest.approx(1, abs=0.25)
    assert (draws.var(0) / torch.diagonal(P)).mean() == pytest.approx(1.0, abs=0.02)
    empirical = torch.cov(draws.T)
    sampling_error = (P.pow(2).sum() + torch.diagonal(P).sum() ** 2) / members
    assert (empirical - P).pow(2).sum() == pytest.approx(sampling_error.item(), rel=0.15)


@pytest.mark.parametrize("background", [None, 0.3])
def test_temperature_is_the_share_of_the_variance(tiny_system, tiny_prior, background):
    """At 0 every sample is the posterior mean; its distance from there goes with the root."""
    p = problem(tiny_system, tiny_prior, ("identity",), background=background)
    mean, _ = exact(p)
    options = {"steps": 8, "iterations": 200, "sigma_max": 1000.0}
    cold, cool, warm = (
        last(SpectralGuidance(**options, temperature=T), p, 3).estimate.flatten(1)
        for T in (0.0, 0.25, 1.0)
    )
    torch.testing.assert_close(cold, mean.expand_as(cold), rtol=0, atol=1e-5)
    torch.testing.assert_close(cool - cold, (warm - cold) / 2)
    assert (warm - mean).abs().max() > 0.1


class Knowing(GaussianPrior):
    """A Gaussian prior that has a denoiser for backgrounds: itself, conditioned exactly."""

    def conditioned_on(self, state, std):
        return Given(self, self.background_observation(state, std), 10 * std)


class Given(Prior):
    def __init__(self, prior, observation, horizon):
        super().__init__("given", prior.window)
        self.prior, self.observation, self.horizon = prior, observation, horizon

    def denoise(self, x, sigma):
        return self._at(sigma).mean(self.prior.denoise(x, sigma))

    def error_covariance(self, sigma):
        return self._at(sigma).covariance

    def _at(self, sigma):
        return self.prior.error_covariance(sigma).condition_on(self.observation)

    @property
    def climatological_covariance(self):
        return self.prior.climatological_covariance.condition_on(self.observation).covariance


@pytest.mark.slow
@pytest.mark.parametrize("flow", [0, 1])
def test_spectral_uses_the_denoiser_that_knows_the_background(tiny_system, tiny_prior, flow):
    """From the widest level straight to the horizon of what is known; the samples are exact."""
    knowing = Knowing(tiny_prior.matrices(), tiny_prior.window)
    p = problem(tiny_system, knowing, ("identity",), background=0.1)
    mean, P = exact(p)
    members = 400
    method = SpectralGuidance(steps=16, iterations=60, flow=flow)
    steps = list(method.run(p, members, stream(0)))
    levels = [float(step.note.removeprefix("sigma ")) for step in steps]
    assert levels[0] == 20 and levels[1] <= 1 and levels[-1] == 0.02
    assert [step.done for step in steps] == list(range(1, len(levels) + 1))
    assert len(levels) == steps[0].total < 16
    draws = steps[-1].estimate.flatten(1)
    error = draws.mean(0) - mean
    if flow:  # means are taken where the Jacobian is used, so that there is less spread
        assert (error.square() / torch.diagonal(P)).mean() < 3 / members
        assert 0.5 < (draws.var(0) / torch.diagonal(P)).mean() < 1
        return
    assert error @ torch.linalg.solve(P, error) * members / len(mean) == pytest.approx(1, abs=0.25)
    assert (draws.var(0) / torch.diagonal(P)).mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.slow
def test_taking_means_loses_variance_to_first_order(tiny_system, tiny_prior):
    """The plain ancestral sampler is right in the limit only: the deficit falls as 1/steps."""
    p = problem(tiny_system, tiny_prior, ("identity",), background=0.3)
    variance = torch.diagonal(exact(p)[1])

    def deficit(steps: int) -> float:
        method = SpectralGuidance(steps=steps, iterations=20, sigma_min=0.005, draws=False)
        draws = last(method, p, 100).estimate.flatten(1)
        return 1 - float((draws.var(0) / variance).mean())

    coarse, fine = deficit(40), deficit(160)
    assert 0.1 < coarse < 0.3
    assert fine == pytest.approx(coarse / 4, rel=0.4)


# ---------------------------------------------------------------- model-based methods


@pytest.mark.parametrize("operators", [("identity",), ("velocity",), ("identity", "velocity")])
def test_oi_analysis_is_exact(tiny_system, tiny_prior, operators):
    p = problem(tiny_system, tiny_prior, operators)
    first = tiny_prior.climatological_covariance.first()
    net, rows = p.network.at(0), p.network.rows(0)
    H = matrix(lambda x: net.apply(x[:, None]), (2, 8, 8))
    mean, P = posterior(
        torch.zeros(128, dtype=torch.float64), matrix(lambda x: first(x[:, None]), (2, 8, 8)), H,
        net.variance().double(), p.data[rows],
    )  # fmt: skip
    method = OptimalInterpolation(iterations=300)
    alone = last(method, p, 1).estimate[0, 0].flatten()
    torch.testing.assert_close(alone, mean, rtol=1e-6, atol=1e-7)
    ensemble = last(method, p, 400).estimate[:, 0].flatten(1)
    torch.testing.assert_close(ensemble.mean(0), mean, rtol=1e-6, atol=1e-7)
    ratio = ensemble.var(0) / torch.diagonal(P)
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)


def test_oi_starts_from_the_background(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("identity",), background=0.2, std=0.3)
    estimate = last(OptimalInterpolation(iterations=50), p, 1).estimate[0, 0]
    seen = p.network.at(0).instruments[0]
    gain = 0.04 / (0.04 + 0.09)
    innovation = p.data[p.network.rows(0)] - seen.take(p.background.state[None])
    expected = p.background.state + seen.put(gain * innovation)[0]
    torch.testing.assert_close(estimate, expected)


def test_mmps_runs_azulas_solver(tiny_system, tiny_prior):
    """With enough iterations the guided mean is the exact one, as for spectral guidance."""
    p = problem(tiny_system, tiny_prior, ("identity",), background=0.3)
    x = torch.randn(1, *p.window, generator=stream(6), dtype=torch.float64)
    e, s = StackedObservations(p), 0.8
    found = MMPS(iterations=50).posterior_mean(e, x, s)
    mean, _ = exact(p, tiny_prior.denoise(x, s).flatten(), tiny_prior.error_covariance(s))
    torch.testing.assert_close(found.flatten(), mean, rtol=1e-5, atol=1e-6)
    assert torch.isfinite(last(MMPS(steps=6), p, 2).estimate).all()
