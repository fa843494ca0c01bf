"""Interpolants of priors, priors of single states, and velocity fields that become priors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.errors import InputError
from dalab.methods.generative.daisi.method import DAISI
from dalab.priors import DenoiserPrior, GaussianPrior, VelocityField
from dalab.priors.flow import Flow
from dalab.priors.gaussian import marginal
from dalab.priors.loading import load_state_prior
from dalab.random import MemberStreams, stream
from dalab.systems import SYSTEMS
from tests.methods.generative.daisi.worlds import Grid, gaussian
from tests.methods.worlds import problem

SCALE = 0.4


def latents(*lead):
    return torch.randn(*lead, 1, 2, 4, 4, generator=stream(0, "z"), dtype=torch.float64)


def test_at_both_ends_there_is_noise_and_there_are_data():
    flow, z = Flow(gaussian()), latents(3)
    for function, at_noise, at_data in (
        (flow.data_mean, 0 * z, z), (flow.velocity, -z, z), (flow.score, -z, 0 * z),
        (flow.noise_mean, z, 0 * z),
    ):
        torch.testing.assert_close(function(z, 0.0), at_noise)
        torch.testing.assert_close(function(z, 1.0), at_data)
        torch.testing.assert_close(function(z, 1e-7), at_noise, atol=1e-5, rtol=0)
    torch.testing.assert_close(flow.velocity(z, 1 - 1e-6), z, atol=1e-5, rtol=0)


def test_every_window_may_have_its_own_time():
    flow, z = Flow(gaussian()), latents(3)
    times = torch.tensor([0.2, 0.5, 0.9]).double().view(3, 1, 1, 1, 1)
    for function in (flow.velocity, flow.score, flow.noise_mean, flow.data_mean):
        alone = torch.stack([function(z[i], float(t)) for i, t in enumerate(times.flatten())])
        torch.testing.assert_close(function(z, times), alone)


def test_single_precision_priors_take_double_precision_windows():
    z = latents(2)
    found = Flow(gaussian().float()).velocity(z, 0.4)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, Flow(gaussian()).velocity(z, 0.4), atol=1e-5, rtol=1e-5)


def test_the_marginal_of_a_window_is_that_of_its_states(tiny_prior):
    found = marginal(tiny_prior)
    assert found.window == (1, 2, 8, 8) and found.eigenvalues.dtype == torch.float64
    expected = tiny_prior.climatological_covariance.variance().mean(0, keepdim=True)
    torch.testing.assert_close(found.climatological_covariance.variance(), expected)


def test_priors_of_single_states_by_name():
    qg = SYSTEMS.make("qg64")
    found = load_state_prior("gaussian", qg)
    assert found.window == (1, 2, 64, 64) and found is load_state_prior("gaussian", qg)
    assert found.climatological_covariance.variance().flatten() == pytest.approx(1, abs=0.02)
    with pytest.raises(InputError, match="must be about windows of shape"):
        load_state_prior("qg64", qg)
    with pytest.raises(InputError, match="must be one of"):
        load_state_prior("nowhere", qg)


def velocity(prior):
    """Exact velocity of states that a network knows over another scale."""
    def field(z, t):
        s = (1 - t) / (t * SCALE)
        shape = (-1, *[1] * (z.ndim - 1))
        clean = SCALE * prior.denoise(z / (t * SCALE).view(shape), s.view(shape))
        return (clean - z) / (1 - t).view(shape)
    return field


@pytest.fixture(scope="module")
def adapted():
    """A Gaussian prior, and the one around its velocity field."""
    prior = gaussian()
    normal = torch.randn(400, *prior.window, generator=stream(5), dtype=torch.float64)
    states = prior.climatological_covariance.sample(normal)
    return prior, DenoiserPrior(VelocityField(velocity(prior), scale=SCALE), states, "field")


@pytest.mark.parametrize("sigma", [0.05, 0.5, 5.0])
def test_a_velocity_field_of_another_scale_denoises(adapted, sigma):
    prior, made = adapted
    x = latents(3)
    torch.testing.assert_close(made.denoise(x, sigma), prior.denoise(x, sigma))
    torch.testing.assert_close(
        made.error_covariance(sigma).variance(), prior.error_covariance(sigma).variance(),
        rtol=0.1, atol=0,
    )


def test_daisi_runs_on_a_velocity_field(adapted):
    x, first = latents(4)[:, 0], problem(Grid(), adapted[0], ("arctan",))
    found = []
    for prior in adapted:
        made = replace(first, prior=prior)
        method = DAISI(steps=6, inversion_steps=6).prepare(made)
        streams = MemberStreams(0, 4, dtype=torch.float64)
        found.append(method.assimilate({"ensemble": x}, made, streams)["ensemble"])
    torch.testing.assert_close(*found)


def test_times_of_states_and_precision_of_weights():
    seen = []

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, z, t):
            seen.append((z.dtype, tuple(t.shape), t.dtype))
            return self.weight * z

    found = VelocityField(Network(), states=7)(torch.ones(2, 7, 1, 4, 4).double(), 1.0)
    assert seen == [(torch.float32, (2, 7), torch.float32)] and found.dtype == torch.float64


@pytest.mark.parametrize("options", [{"model": 3}, {"scale": 0.0}, {"states": 0}])
def test_refused_velocity_fields(options):
    with pytest.raises(InputError):
        VelocityField(**{"model": lambda z, t: z, **options})


def test_windows_of_several_states_are_priors_too():
    prior = GaussianPrior(2 * torch.eye(3, dtype=torch.complex128).expand(4, 3, 3, 3), (3, 1, 4, 4))
    normal = torch.randn(50, 3, 1, 4, 4, generator=stream(1), dtype=torch.float64)
    states = prior.climatological_covariance.sample(normal)
    made = DenoiserPrior(VelocityField(velocity(prior), scale=SCALE), states)
    x = torch.ones(1, 3, 1, 4, 4).double()
    torch.testing.assert_close(made.denoise(x, 1.0), x * 2 / 3)
