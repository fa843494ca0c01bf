"""Methods on rings and on single cells, odd and even, against exact answers."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.diffusion.spectral import SpectralGuidance
from dalab.methods.diffusion.stacked_observations import StackedObservations
from dalab.methods.ensemble.etkf import ETKF
from dalab.methods.ensemble.letkf import LETKF
from dalab.methods.ensemble.localisation import Taper, gaspari_cohn
from dalab.methods.ensemble.transform import apply_transform, ensemble_weights
from dalab.methods.gaussian.update import Gaussian, background_observation
from dalab.methods.gaussian.update import posterior as guided
from dalab.methods.variational.oi import OptimalInterpolation
from dalab.priors import GaussianPrior
from dalab.priors.covariance import estimate
from dalab.random import MemberStreams, stream
from tests.dense import matrix, posterior
from tests.methods.kalman import moment_matched
from tests.methods.worlds import Advection, last, problem

WORLDS = [((1, 1, 9), "random:0.6"), ((1, 1, 12), "stride:2"), ((3, 1, 1), "full"),
          ((2, 3, 5), "random:0.5")]  # fmt: skip


@pytest.fixture(params=WORLDS, ids=lambda world: "x".join(map(str, world[0])))
def world(request):
    """A linear system on a grid, a prior of windows of three of its states, and a mask."""
    shape, mask = request.param
    system = Advection()
    system.shape = shape
    noise = torch.randn(60, 3, *shape, generator=stream(shape), dtype=torch.float64)
    smooth = noise + 0.8 * noise.roll(1, -1) + 0.6 * noise.roll(1, 1)
    return system, GaussianPrior(estimate(smooth), (3, *shape)), mask


def exact(p, mean, cov):
    """Posterior of a linear window problem that is N(mean, cov) before looking."""
    observations = StackedObservations(p)
    H = matrix(observations.apply, p.window)
    return posterior(
        mean.flatten(), matrix(cov, p.window), H, observations.variance.double(), observations.data
    )


@pytest.mark.parametrize("background", [None, 0.3])
def test_the_guided_mean_is_exact(world, background):
    system, prior, mask = world
    p = problem(system, prior, mask=mask, background=background)
    x = torch.randn(1, *p.window, generator=stream(5), dtype=torch.float64)
    D, cov = prior.denoise(x, 0.7), prior.error_covariance(0.7)
    found = guided(p, Gaussian(D, cov), background_observation(p), iterations=200)
    mean, _ = exact(p, D, cov)
    torch.testing.assert_close(found.flatten(), mean, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("background", [None, 0.3])
def test_spectral_samples_the_exact_posterior(world, background):
    system, prior, mask = world
    p = problem(system, prior, mask=mask, background=background)
    mean, P = exact(p, torch.zeros(p.window, dtype=torch.float64), prior.climatological_covariance)
    members = 2000
    method = SpectralGuidance(steps=4, iterations=40)
    draws = last(method, p, members).estimate.flatten(1)
    error = draws.mean(0) - mean
    size = len(mean)
    chi = float(error @ torch.linalg.solve(P, error)) * members
    assert abs(chi - size) < 4 * (2 * size) ** 0.5
    assert (draws.var(0) / torch.diagonal(P)).mean() == pytest.approx(1.0, abs=0.03)
    sampling = (P.pow(2).sum() + torch.diagonal(P).sum() ** 2) / members
    assert float((torch.cov(draws.T) - P).pow(2).sum()) < 1.6 * sampling


def first_step(p, prior):
    """Exact analysis of step 0 from the climate."""
    first, net = prior.climatological_covariance.first(), p.network.at(0)
    shape = p.window[1:]
    C = matrix(lambda x: first(x[:, None]), shape)
    H = matrix(lambda x: net.apply(x[:, None]), shape)
    zero = torch.zeros(len(C), dtype=torch.float64)
    return C, posterior(zero, C, H, net.variance().double(), p.data[p.network.rows(0)])


def test_oi_is_exact(world):
    system, prior, mask = world
    p = problem(system, prior, mask=mask)
    _, (mean, P) = first_step(p, prior)
    method = OptimalInterpolation(iterations=100)
    alone = last(method, p, 1).estimate[0, 0].flatten()
    torch.testing.assert_close(alone, mean, rtol=1e-6, atol=1e-7)
    ensemble = last(method, p, 2000).estimate[:, 0].flatten(1)
    torch.testing.assert_close(ensemble.mean(0), mean, rtol=1e-6, atol=1e-7)
    assert (ensemble.var(0) / torch.diagonal(P)).mean() == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("filter", [ETKF(inflation=1.0), LETKF(inflation=1.0, localisation=0.0)])
def test_etkf_of_a_moment_matched_ensemble_is_exact(world, filter):
    system, prior, mask = world
    p = problem(system, prior, mask=mask)
    C, (mean, P) = first_step(p, prior)
    members = moment_matched(torch.zeros(len(C), dtype=torch.float64), C)
    streams = MemberStreams(0, len(members), dtype=torch.float64)
    data = p.data[p.network.rows(0)]
    found = filter.analysis(members.reshape(-1, *system.shape), p.network.at(0), data, streams)
    torch.testing.assert_close(found.flatten(1).mean(0), mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(torch.cov(found.flatten(1).T), P, rtol=1e-6, atol=1e-6)


def test_a_local_filter_far_wider_than_the_grid_is_the_global_one(world):
    system, prior, mask = world
    p = problem(system, prior, mask=mask)
    x = MemberStreams(0, 10, dtype=torch.float64).normal(system.shape)
    net, data = p.network.at(0), p.data[p.network.rows(0)]
    wide = Taper(system.shape[1:], 1e6, x)
    local, everywhere = (
        apply_transform(x, ensemble_weights(x, net, data, t)) for t in (wide, None)
    )
    torch.testing.assert_close(local, everywhere, rtol=1e-6, atol=1e-8)


def test_the_taper_of_a_ring_is_a_row_of_that_of_a_square():
    for n in (9, 12):
        ring, square = gaspari_cohn((1, n), 2.0), gaspari_cohn((n, n), 2.0)
        torch.testing.assert_close(ring[0], square[0])
        torch.testing.assert_close(ring[0, 1:], ring[0, 1:].flip(0))
    assert gaspari_cohn((1, 1), 2.0).tolist() == [[1.0]]
