"""Particle filter and particle flow against quadrature and exact Gaussian answers."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.cycling import observations_at
from dalab.methods.ensemble.localisation import taper
from dalab.methods.ensemble.particle import (
    ParticleFilter,
    effective_size,
    repeated,
    resample,
    reweight,
    smoothing_noise,
    systematic_indices,
    uniform_log_weights,
)
from dalab.methods.ensemble.particle_flow import Forecast, ParticleFlowFilter
from dalab.methods.gaussian.likelihood import likelihood_gradient
from dalab.random import MemberStreams, stream
from dalab.systems import System
from tests.dense import matrix
from tests.methods.kalman import filtered, moment_matched
from tests.methods.worlds import Advection, ScalarPrior, last, problem


class Still(System):
    """One number that stays what it is."""

    name, dims, units, interval, symbol = "still", ("lev", "y", "x"), "1", 1.0, "x"
    shape = (1, 1, 1)
    scale = torch.ones(1, 1, 1, dtype=torch.float64)

    def step(self, x, n=1, generator=None):
        return x


def streams(members, seed=0):
    return MemberStreams(seed, members, dtype=torch.float64)


def scalar(operator, std, variance=1.0):
    return problem(Still(), ScalarPrior(variance), (operator,), mask="full", std=std)


def by_quadrature(p, variance):
    """Nodes on a fine grid and the posterior probability of each."""
    nodes = torch.linspace(-8, 8, 20001, dtype=torch.float64)
    seen = p.network.apply(nodes.reshape(-1, 1, 1, 1, 1))[:, 0]
    log = -(nodes**2) / (2 * variance) - (seen - p.data) ** 2 / (2 * p.network.variance()[0])
    return nodes, torch.softmax(log, 0)


# ---------------------------------------------------------------- bootstrap filter


def test_particles_find_every_mode_with_its_probability():
    """1.5 sin(3x) folds: the posterior of a unit Gaussian has several separate modes."""
    p = scalar("sine", 0.3)
    nodes, probability = by_quadrature(p, 1.0)
    x = last(ParticleFilter(members=10_000, jitter=0.0), p, 1).estimate.flatten()
    edges = torch.linspace(-3, 3, 13, dtype=torch.float64)
    exact = torch.zeros(14, dtype=torch.float64).index_add(
        0, torch.bucketize(nodes, edges), probability
    )
    found = torch.bincount(torch.bucketize(x, edges), minlength=14) / len(x)
    assert (exact > 0.1).sum() >= 3
    assert (found - exact).abs().max() < 0.02
    mean = (nodes * probability).sum()
    std = ((nodes - mean) ** 2 * probability).sum().sqrt()
    assert (x.mean() - mean).abs() < 4 * std / 4000**0.5


def test_weights_accumulate_until_they_are_spent(tiny_prior):
    p = problem(Advection(), tiny_prior, mask="points:[(0, 0), (3, 5)]", std=1.0)
    x = tiny_prior.sample_climatology(streams(20))[:, 0]
    logw = uniform_log_weights(x)
    for k in range(3):
        logw = reweight(p.system.step(x, k), logw, *observations_at(p, k))
    window = p.system.trajectory(x, 3)
    joint = -(p.data - p.network.apply(window)).pow(2).sum(-1) / 2
    torch.testing.assert_close(torch.softmax(logw, -1), torch.softmax(joint, -1))


def test_systematic_resampling_copies_in_proportion():
    x = torch.arange(7.0, dtype=torch.float64).reshape(7, 1, 1, 1)
    w = torch.tensor([0.05, 0.3, 0.0, 0.15, 0.25, 0.2, 0.05], dtype=torch.float64)
    total = torch.zeros(7)
    for seed in range(400):
        drawn = resample(x, w.log(), streams(7, seed)).flatten().long()
        copies = torch.bincount(drawn, minlength=7)
        assert copies.sum() == 7
        assert ((copies >= (7 * w).floor()) & (copies <= (7 * w).ceil())).all()
        total += copies
    assert (total / 400 - 7 * w).abs().max() < 0.1


def test_effective_size_counts_equal_weights():
    logw = torch.tensor([[0.0, 0.0, -1e9, -1e9], [0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    assert effective_size(logw).tolist() == pytest.approx([2.0, 4.0])


def test_jitter_has_the_covariance_of_the_weighted_particles():
    x = torch.randn(2000, 2, 1, 1, generator=stream(0), dtype=torch.float64)
    x[:, 1] += 0.8 * x[:, 0]
    noise = smoothing_noise(x, x[:, 0, 0, 0], streams(2000)).flatten(1)
    w = torch.softmax(x[:, 0, 0, 0], -1)
    exact = torch.cov(x.flatten(1).T, aweights=w) * 2000 ** (-2 / 6)
    torch.testing.assert_close(torch.cov(noise.T), exact, rtol=0.15, atol=0.01)


def test_jitter_parts_the_copies_of_a_particle_that_takes_all():
    x = torch.randn(2000, 2, 1, 1, generator=stream(0), dtype=torch.float64)
    logw = torch.full((2000,), -1e3, dtype=torch.float64).index_fill(0, torch.tensor(7), 0.0)
    noise = smoothing_noise(x, logw, streams(2000)).flatten(1)
    exact = torch.cov(x.flatten(1).T) * 2000 ** (-2 / 6)
    torch.testing.assert_close(torch.cov(noise.T), exact, rtol=0.15, atol=0.01)


def test_every_copy_is_moved_and_single_particles_stay():
    index = torch.tensor([[0, 0, 2, 3, 3, 3], [1, 2, 3, 4, 5, 5]])
    assert repeated(index).int().tolist() == [[1, 1, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1]]
    x = torch.randn(60, 2, 1, 1, generator=stream(0), dtype=torch.float64)
    found, _ = ParticleFilter(jitter=2.4).rejuvenate(x, 2 * x[:, 0, 0, 0], streams(60))
    index = systematic_indices(2 * x[:, 0, 0, 0], streams(60))
    stays = (found == x[index]).flatten(1).all(1)
    counts = torch.bincount(index, minlength=60)[index]
    assert torch.equal(stays, counts == 1)
    assert stays.any() and not stays.all()


def test_one_particle_takes_all_and_the_note_says_so(tiny_prior):
    p = problem(Advection(), tiny_prior, mask="full", std=0.001)
    final = last(ParticleFilter(members=30), p, 1)
    assert torch.isfinite(final.estimate).all()
    assert final.note.endswith("of 30 particles effective")
    first = next(ParticleFilter(members=30).run(p, 1, stream(0)))
    assert first.note == "step 0, 1.0 of 30 particles effective"


def test_leading_axes_are_independent_repeats():
    p = scalar("arctan", 0.3)
    net, data = observations_at(p, 0)
    x = torch.randn(3, 50, 1, 1, 1, generator=stream(0), dtype=torch.float64)
    several = torch.stack([data, data + 0.5, data - 0.5])
    logw = reweight(x, uniform_log_weights(x), net, several)
    for a, d, found in zip(x, several, logw, strict=True):
        torch.testing.assert_close(found, reweight(a, uniform_log_weights(a), net, d))
    assert ParticleFilter().analysis(x, net, several, streams(50)).shape == x.shape


# ---------------------------------------------------------------- particle flow


@pytest.mark.parametrize("members", [20, 50])
def test_flow_ends_in_the_gaussian_posterior(members):
    p = scalar("identity", 0.7, variance=2.0)
    mean, P = filtered_scalar(p, 2.0)
    x = streams(members).normal((1, 1, 1))
    x = (x - x.mean()) / x.std() * 2**0.5
    method = ParticleFlowFilter(localisation=0.0, iterations=300)
    x = method.analysis(x, *observations_at(p, 0), streams(members))
    assert x.mean().item() == pytest.approx(mean, abs=0.01)
    assert x.var().item() == pytest.approx(P, rel=0.06)


def filtered_scalar(p, variance):
    gain = variance / (variance + p.network.variance()[0].item())
    return gain * p.data.item(), (1 - gain) * variance


def test_flow_in_many_dimensions_is_as_good_as_a_localised_kalman_filter(tiny_prior):
    p = problem(Advection(), tiny_prior, background=0.5)
    mean, P = filtered(p)[0]
    x = p.background.state + 0.5 * streams(50).normal((2, 8, 8))
    method = ParticleFlowFilter(localisation=1.0, iterations=100)
    moved = method.analysis(x, *observations_at(p, 0), streams(50))
    before, after = (
        (e.mean(0).flatten() - mean).pow(2).mean().sqrt().item() for e in (x, moved)
    )
    assert after < 0.08 < 0.2 < before
    assert (moved.flatten(1).var(0) / torch.diagonal(P)).mean() == pytest.approx(1, abs=0.15)


def test_flow_keeps_two_modes_that_a_kalman_filter_would_join():
    """|x| is seen through sin: members on either side stay on their side, at the right distance."""
    p = scalar("sine", 0.3)
    nodes, probability = by_quadrature(p, 1.0)
    x = torch.special.ndtri((torch.arange(60, dtype=torch.float64) + 0.5) / 60).reshape(60, 1, 1, 1)
    method = ParticleFlowFilter(localisation=0.0, iterations=600)
    x = method.analysis(x, *observations_at(p, 0), streams(60)).flatten()
    likely = probability > 1e-3 * probability.max()
    nearest = (x[:, None] - nodes[likely]).abs().min(1).values
    assert (nearest < 0.1).float().mean() > 0.9
    assert x.std() > 0.5


def test_forecast_covariance_is_solved_and_multiplied(tiny_prior):
    x = tiny_prior.sample_climatology(streams(12))[:, 0]
    B = Forecast(x, taper(x, 1.0))
    dense = matrix(B, (2, 8, 8))
    assert torch.linalg.eigvalsh(dense).min() > 0
    d = torch.randn(12, 2, 8, 8, generator=stream(3), dtype=torch.float64)
    expected = torch.linalg.solve(dense, d.flatten(1).T).T.unflatten(1, (2, 8, 8))
    torch.testing.assert_close(B.solve(d, 400), expected, rtol=1e-4, atol=1e-4)


def test_likelihood_gradient_is_that_of_the_log_likelihood(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("speed", "arctan"))
    net, data = observations_at(p, 0)
    x = tiny_prior.sample_climatology(streams(3))[:, 0].requires_grad_()
    log = -((data - net.apply(x[:, None])) ** 2 / net.variance(like=data)).sum() / 2
    torch.testing.assert_close(
        likelihood_gradient(x.detach(), net, data), torch.autograd.grad(log, x)[0]
    )


def test_flow_of_a_collapsed_or_repeated_ensemble(tiny_prior):
    p = problem(Advection(), tiny_prior)
    same = torch.zeros(4, 2, 8, 8, dtype=torch.float64)
    method = ParticleFlowFilter(iterations=3)
    assert torch.isfinite(method.analysis(same, *observations_at(p, 0), streams(4))).all()
    net, data = observations_at(p, 0)
    x = torch.stack([tiny_prior.sample_climatology(streams(5, s))[:, 0] for s in (1, 2)])
    both = method.analysis(x, net, torch.stack([data, data + 1]), streams(5))
    alone = method.analysis(x[1], net, data + 1, streams(5))
    torch.testing.assert_close(both[1], alone, rtol=1e-3, atol=1e-4)  # B is solved to that


def test_moment_matched_members_have_their_moments():
    P = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    x = moment_matched(torch.tensor([1.0, -1.0], dtype=torch.float64), P)
    torch.testing.assert_close(torch.cov(x.T), P)
