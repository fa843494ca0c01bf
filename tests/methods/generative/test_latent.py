"""Latent filters against the analyses of the full space, and the closed form in a small one."""

from __future__ import annotations

import pytest
import torch

from dalab.errors import InputError
from dalab.experiments.experiment import Experiment
from dalab.experiments.run import open_execution
from dalab.methods import Problem
from dalab.methods.ensemble.enkf import EnKF
from dalab.methods.ensemble.etkf import ETKF
from dalab.methods.generative.latent.la import LA
from dalab.methods.generative.latent.latent_ensf import LatentEnSF, LatentLikelihood
from dalab.methods.generative.latent.pod import POD, components, fourier_components
from dalab.methods.generative.latent.space import LatentError
from dalab.observations import MASKS, OPERATORS, network
from dalab.options import build
from dalab.random import MemberStreams, stream
from dalab.systems import SYSTEMS

DOUBLE = {"rtol": 1e-9, "atol": 1e-10}


@pytest.fixture(scope="module")
def ring():
    return SYSTEMS.make("ring:d=12,width=4")


def observed(system, mask="random:0.5", noise=0.3, operator="identity"):
    cells = build("mask", mask, MASKS).cells(1, system.shape[-2:], stream(0, "mask"))
    return network(OPERATORS[operator](system), mask=cells, noise=noise).realise()


def climate(system, count, seed=5):
    return system.sample_climate(count, stream(seed))


def streams(members, seed=0):
    return MemberStreams(seed, members, dtype=torch.float64)


def prepared(method, system, net):
    """A method that has learnt its space."""
    return method.prepare(Problem(system, None, net, torch.empty(0)))


def exact(space, method):
    """A method with a space of one's own."""
    method._space = space
    return method


def pod(system, size=None, net=None, count=400):
    return POD.fit(climate(system, count), size, 1.0, net)


def inputs(system, net, N, repeats=()):
    x = climate(system, N * max(1, *repeats, 1)).reshape(*repeats, N, *system.shape)
    return x, torch.randn(*repeats, net.size, generator=stream(6), dtype=torch.float64)


@pytest.mark.parametrize("remainder", [True, False])
@pytest.mark.parametrize("operator", ["identity", "arctan"])
def test_with_all_components_it_is_the_etkf(ring, remainder, operator):
    net = observed(ring, operator=operator)
    x, data = inputs(ring, net, 30)
    method = exact(pod(ring), LA(inflation=1.1, remainder=remainder))
    assert method.learnt_space.size == 12
    expected = ETKF(inflation=1.1).analysis(x, net, data, streams(30))
    torch.testing.assert_close(method.analysis(x, net, data, streams(30)), expected, **DOUBLE)


def test_with_all_components_and_perturbed_observations_it_is_the_global_enkf(ring):
    net = observed(ring)
    x, data = inputs(ring, net, 30)
    expected = EnKF(inflation=1.0, localisation=0).analysis(x, net, data, streams(30))
    method = exact(pod(ring), LA(transform=False))
    torch.testing.assert_close(method.analysis(x, net, data, streams(30)), expected, **DOUBLE)


def test_with_fewer_components_it_is_the_kalman_filter_of_the_projected_states(ring):
    net = observed(ring)
    space = pod(ring, size=5)
    x, data = inputs(ring, net, 30)
    found = exact(space, LA(remainder=False)).analysis(x, net, data, streams(30)).flatten(1)
    basis = space._tensors["modes"]  # orthonormal
    torch.testing.assert_close(basis @ basis.T, torch.eye(5).double(), **DOUBLE)
    projection, mean = basis.T @ basis, space._tensors["mean"]
    y = (x.flatten(1) - mean) @ projection + mean
    P, m = y.T.cov(), y.mean(0)
    H = torch.eye(12).double()[net.instruments[0].mask.flatten()]
    gain = P @ H.T @ torch.linalg.inv(H @ P @ H.T + 0.3**2 * torch.eye(len(H)))
    torch.testing.assert_close(found.mean(0), m + gain @ (data - H @ m), **DOUBLE)
    torch.testing.assert_close(found.T.cov(), P - gain @ H @ P, **DOUBLE)


def test_the_remainder_of_a_member_stays_as_it_is(ring):
    net, space = observed(ring), pod(ring, size=5)
    x, data = inputs(ring, net, 30)
    found = exact(space, LA()).analysis(x, net, data, streams(30))
    torch.testing.assert_close(
        found - space.decode(space.encode(found)), x - space.decode(space.encode(x)), **DOUBLE
    )
    assert (found - x).abs().max() > 0.1


def test_components_are_as_many_as_explain_the_share(ring):
    states = climate(ring, 400)
    values = torch.linalg.eigvalsh(states.flatten(1).T.cov(correction=0)).flip(0)
    share = values.cumsum(0) / values.sum()
    for wanted in (0.5, 0.9, 0.99):
        assert POD.fit(states, None, wanted).size == int((share < wanted).sum()) + 1
    assert POD.fit(states[:6], None, 1.0).size == 5  # what six states span


@pytest.mark.parametrize("name, lev", [("ring:d=12", 1), ("tiny", 2)])
def test_fourier_components_are_those_of_the_states_and_all_their_shifts(name, lev, tiny_system):
    shape = (1, 1, 12) if name != "tiny" else tiny_system.shape
    states = torch.randn(5, *shape, generator=stream(4), dtype=torch.float64)
    states = states + states.roll(1, -1) + 0.5 * states.flip(-3)
    everywhere = torch.cat([
        states.roll((i, j), (-2, -1)) for i in range(shape[-2]) for j in range(shape[-1])
    ])
    found, known = (
        make(x, None, 1.0) for make, x in
        ((fourier_components, states), (components, everywhere))
    )
    count = min(len(found["std"]), len(known["std"]))
    assert count > 0.8 * states[0].numel()
    torch.testing.assert_close(found["std"][:count], known["std"][:count], rtol=1e-6, atol=1e-7)
    assert found["std"][count:].sum() + known["std"][count:].sum() < 1e-6
    torch.testing.assert_close(found["mean"], known["mean"], **DOUBLE)
    modes = found["modes"]
    torch.testing.assert_close(modes @ modes.T, torch.eye(len(modes)).double(), **DOUBLE)
    x = everywhere.flatten(1) - found["mean"]
    along = ((x @ modes.T).square().mean(0)).sqrt()
    torch.testing.assert_close(along, found["std"], rtol=1e-6, atol=1e-7)


def test_few_states_of_a_uniform_climate_have_fourier_components(ring):
    few = climate(ring, 8)
    assert POD.fit(few, None, 1.0).size == 7
    space = POD.fit(few, None, 1.0, observed(ring), uniform=True)
    assert space.size == 12
    torch.testing.assert_close(space.decode(space.encode(few)), few, rtol=1e-6, atol=1e-6)
    assert space.encode_observations(torch.zeros(space._tensors["observed"].shape)).shape == (12,)


def test_components_have_unit_variance_and_decode_to_the_state(ring):
    states, space = climate(ring, 400), pod(ring)
    latent = space.encode(states)
    torch.testing.assert_close(latent.T.cov(correction=0), torch.eye(12).double(), **DOUBLE)
    torch.testing.assert_close(space.decode(latent), states, **DOUBLE)


@pytest.mark.parametrize("count", [400, 5])  # solved among the observations, or among the states
def test_observations_are_encoded_by_the_best_linear_estimate(ring, count):
    net, states = observed(ring), climate(ring, count)
    space = POD.fit(states, None, 1.0, net)
    x = states.flatten(1)
    C, mean = x.T.cov(correction=0), x.mean(0)
    H = torch.eye(12).double()[net.instruments[0].mask.flatten()]
    data = torch.randn(7, net.size, generator=stream(2), dtype=torch.float64)
    gain = C @ H.T @ torch.linalg.inv(H @ C @ H.T + 0.3**2 * torch.eye(len(H)))
    best = mean + (data - H @ mean) @ gain.T
    found = space.decode(space.encode_observations(data))
    torch.testing.assert_close(found, best.unflatten(1, ring.shape), rtol=1e-6, atol=1e-7)


def test_the_law_of_latent_observations_is_measured():
    latent = torch.randn(200_000, 2, generator=stream(1), dtype=torch.float64)
    noise = torch.randn(200_000, 2, generator=stream(2), dtype=torch.float64)
    slope, std = torch.tensor([0.8, 0.2]), torch.tensor([0.3, 0.5])
    error = LatentError.measure(0.1 + slope * latent + std * noise, latent)
    expected = (0.1**2 + (1 - slope) ** 2 + std**2).sqrt()
    for found, known in (
        (error.slope, slope), (error.residual, std), (error.difference, expected),
        (error.offset, torch.full((2,), 0.1)),
    ):
        torch.testing.assert_close(found, known.double(), rtol=0.0, atol=0.005)


def known_space(system, noise, slope=1.0):
    """All components, whose latent observation has a known law."""
    space = pod(system, net=observed(system))
    one = torch.ones(space.size, dtype=torch.float64)
    space.error = LatentError(noise * one, 0 * one, slope * one, noise * one)
    return space


def test_the_conditional_score_is_the_kalman_filter_of_latent_numbers(ring):
    """Each data gives ell_y; members are those of a Gaussian, whose posterior is known."""
    space, N, net = known_space(ring, 0.5), 40, observed(ring)
    x, data = inputs(ring, net, N)
    method = exact(space, LatentEnSF(score="conditional", steps=500))
    many = x.expand(60, N, *ring.shape)
    found = space.encode(method.analysis(many, net, data.expand(60, -1), streams(N)))
    z, observation = space.encode(x), space.encode_observations(data)
    P, m = z.T.cov(), z.mean(0)
    gain = P @ torch.linalg.inv(P + 0.25 * torch.eye(12))
    mean, covariance = m + gain @ (observation - m), P - gain @ P
    sampled = found.flatten(0, 1)
    std = covariance.diagonal().sqrt()
    assert ((sampled.mean(0) - mean).abs() < 0.02 * (1 + std)).all()
    torch.testing.assert_close(
        sampled.T.cov().diagonal(), covariance.diagonal() + 0.002, rtol=0.15, atol=0.004
    )


@pytest.mark.parametrize("r, c, k", [(0.5, 0.8138, 0.1942), (1.0, 0.9347, 0.0669)])
def test_paired_it_is_a_nudging_towards_the_encoded_observations(ring, r, c, k):
    """The published gains of the paired score, now of latent numbers."""
    space, N, net = known_space(ring, r), 20, observed(ring)
    x, data = inputs(ring, net, N)
    method = exact(space, LatentEnSF(steps=500))
    many = x.expand(100, N, *ring.shape)
    found = space.encode(method.analysis(many, net, data.expand(100, -1), streams(N)))
    expected = c * space.encode(x) + k * space.encode_observations(data)
    error = found.mean((0, 1)) - expected.mean(0)
    assert error.abs().max() < 0.02


def test_the_gradient_of_the_latent_likelihood_is_its_derivative(ring):
    net = observed(ring)
    numbers = [torch.rand(12, generator=stream(i), dtype=torch.float64) for i in range(4)]
    data = torch.randn(3, 12, generator=stream(7), dtype=torch.float64)
    likelihood = LatentLikelihood(
        net, data, offset=numbers[0], slope=numbers[1], noise=0.1 + numbers[2]
    )
    x = torch.randn(3, 5, 1, 1, 12, generator=stream(8), dtype=torch.float64, requires_grad=True)
    (-likelihood.innovations(x).square().sum() / 2).backward()
    torch.testing.assert_close(likelihood.gradient(x.detach()), x.grad)


@pytest.mark.parametrize("transform", [True, False])
def test_repeats_do_not_depend_on_each_other(ring, transform):
    net = observed(ring)
    method = prepared(LA(transform=transform), ring, net)
    x, data = inputs(ring, net, 6, (2,))
    both = method.analysis(x, net, data, streams(6).scaled(0.0))
    one = method.analysis(x[1], net, data[1], streams(6).scaled(0.0))
    torch.testing.assert_close(both[1], one, **DOUBLE)


@pytest.mark.parametrize("score", ["paired", "mixture", "conditional"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_repeats_of_both_precisions_are_analysed(ring, score, dtype):
    net = observed(ring)
    method = prepared(LatentEnSF(space="pod", score=score), ring, net)
    x, data = inputs(ring, net, 6, (2,))
    found = method.analysis(x.to(dtype), net, data.to(dtype), MemberStreams(0, 6, dtype=dtype))
    assert found.dtype == dtype and found.shape == x.shape and found.isfinite().all()
    assert not torch.equal(found, x.to(dtype))


def test_a_latent_state_has_at_most_as_many_numbers_as_there_are_components(ring):
    with pytest.raises(InputError, match="latent size = 13: must be at most 12"):
        prepared(LA(latent_size=13), ring, observed(ring))
    with pytest.raises(InputError, match="must be at most 12, for states"):
        Experiment.of({
            "system": "lorenz96", "methods": ["la:latent_size=20,states=16"], "cycles": 3,
            "operators": ["identity"],
        })


def test_an_analysis_needs_a_learnt_space(ring):
    net = observed(ring)
    x, data = inputs(ring, net, 6)
    with pytest.raises(InputError, match="latent space = None: must be learnt"):
        LA().analysis(x, net, data, streams(6))


@pytest.mark.parametrize("cycles", [None, 5])
def test_sites_of_an_encoder_may_not_move(cycles):
    config = {
        "system": "qg64", "operators": ["identity"], "masks": ["tracks"], "cycles": cycles,
        "prior": "gaussian",
    }
    with pytest.raises(InputError, match="observed cells = 'others from step to step'"):
        Experiment.of({**config, "methods": ["latent-ensf"]})
    Experiment.of({**config, "methods": ["la"]})


def test_steps_without_observations_do_not_move_sites():
    Experiment.of({
        "system": "lorenz96", "operators": ["identity"], "masks": ["stride:2"], "interval": 2,
        "prior": "gaussian", "methods": ["latent-ensf"],
    })


CYCLES = {
    "system": "lorenz96", "operators": ["identity"], "masks": ["stride:2"], "noise": 0.3,
    "cycles": 60, "burn_in": 20, "members": 20, "background": 0.3, "seed": 1,
}


def rmse(*methods, **options):
    """RMSE of the mean of every method in cycles."""
    execution = open_execution({**CYCLES, **options, "methods": list(methods)})
    for _ in execution.frames():
        pass
    return {label: score.rmse_mean for label, score in execution.scores.items()}


def test_in_cycles_it_tracks_as_the_etkf_does():
    found = rmse("etkf:members=30,inflation=1.05", "la:members=30,inflation=1.05")
    assert found["la"] == pytest.approx(found["etkf"], rel=0.25) and found["la"] < 0.3


@pytest.mark.slow
def test_in_cycles_an_encoded_snapshot_is_better_than_the_climate_and_worse_than_a_filter():
    """Half of the sites, 0.1: RMSE 0.6 over 200 cycles, where the climate has 1 and etkf 0.04."""
    found = rmse("latent-ensf:space=pod", "la:inflation=1.1", "climatology", noise=0.1)
    assert found["latent-ensf"] < 0.75 * found["climatology"]
    assert found["la"] < 0.25 * found["latent-ensf"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["la", "latent-ensf:space=pod,score=conditional"])
def test_two_layer_flow_is_cycled(name):
    """From a background of error 0.1 they stay far from the error of the climate, 1."""
    method = f"{name}{',' if ':' in name else ':'}states=64"
    (error,) = rmse(
        method, system="qg64", masks=["random:0.25"], background=0.1, cycles=3, burn_in=1,
        members=10,
    ).values()
    assert error < 0.5
