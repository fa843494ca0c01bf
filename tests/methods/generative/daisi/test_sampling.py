"""What DAISI does beyond Gaussians: two modes, its options, members that know nothing of others."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dalab.errors import InputError
from dalab.methods.generative.daisi.inversion import invert
from dalab.methods.generative.daisi.method import DAISI, root_mean_square
from dalab.methods.generative.daisi.sampler import Sampler
from dalab.observations import OPERATORS, network
from dalab.observations.operators import Elementwise
from dalab.priors import GaussianPrior
from dalab.priors.flow import Flow
from dalab.random import MemberStreams, stream
from dalab.systems import SYSTEMS
from tests.methods.generative.daisi.worlds import Grid, Mixture, Number, gaussian, scalar
from tests.methods.worlds import problem


def quadrature(prior, y, std):
    """Mass above 0, mean and standard deviation there, of the posterior given y = |x| + noise."""
    x = np.linspace(-6, 6, 20001)
    means, shares = prior.means.numpy(), prior.shares.numpy()
    density = (shares * np.exp(-((x[:, None] - means) ** 2) / (2 * prior.std**2))).sum(1)
    density *= np.exp(-((y - np.abs(x)) ** 2) / (2 * std**2))
    up = np.where(x > 0, density, 0)
    mean = (up * x).sum() / up.sum()
    return up.sum() / density.sum(), mean, math.sqrt((up * (x - mean) ** 2).sum() / up.sum())


@pytest.mark.parametrize("guidance, epsilon, share, mean, deviation", [
    ("mmps", 3.0, 0.045, 0.03, 0.08), ("spectral", 3.0, 0.045, 0.03, 0.08),
    ("mmps", 0.03, 0.12, 0.2, 0.4), ("spectral", 0.03, 0.05, 0.05, 0.25),
])
def test_both_modes_of_a_sign_that_is_not_seen(guidance, epsilon, share, mean, deviation):
    """From noise, as the forecast has lost the sign: beside quadrature.

    The tangent of |x| at the data mean is wrong while that is between the modes. Much noise forgets
    what was done then (four standard errors are allowed); with the published amount, tangents send
    half of the members to either mode, and leave each too narrow.
    """
    prior, y, std = Mixture(2.4, 0.4, 0.6), 1.2, 0.3
    made = scalar(y, std, prior, "absolute")
    steps = 300 if epsilon > 1 else 100
    method = DAISI(start="noise", guidance=guidance, steps=steps, epsilon=epsilon, batch=4096)
    x = torch.zeros(2000, 1, 1, 1, dtype=torch.float64)
    found = method.prepare(made).assimilate({"ensemble": x}, made, Normal(len(x)))
    up = found["ensemble"][found["ensemble"] > 0]
    exact = quadrature(prior, y, std)
    assert len(up) / len(x) == pytest.approx(exact[0], abs=share)
    assert float(up.mean()) == pytest.approx(exact[1], abs=mean)
    assert float(up.std()) == pytest.approx(exact[2], rel=deviation)


class Normal:
    """Streams of many members that draw from one generator."""

    def __init__(self, members: int) -> None:
        self.members, self.generator = members, stream(0, "members")

    def __len__(self) -> int:
        return self.members

    def normal(self, shape):
        size = (self.members, *shape)
        return torch.randn(size, generator=self.generator, dtype=torch.float64)


def test_inversion_and_generation_without_noise_undo_each_other_as_steps_grow():
    flow = Flow(Mixture(2.0, 0.5, 0.4))
    x = torch.linspace(-2, 2, 41, dtype=torch.float64).view(-1, 1, 1, 1, 1)
    away = []
    for steps in (40, 80, 160):
        z = invert(flow, x, t_min=0.3, steps=steps, epsilon=0.0, normal=None, batch=64)
        back = Sampler(flow=flow, steps=steps).generate(z, 0.3, None)
        away.append(float((back - x).abs().max()))
    assert away[2] < 0.02 and away[0] / away[1] == pytest.approx(2, rel=0.1)
    assert away[1] / away[2] == pytest.approx(2, rel=0.1)


@pytest.fixture(scope="module")
def small():
    """Half of a Gaussian state observed, by arctan and as it is, and the prior of its states."""
    return problem(Grid(), gaussian(), ("arctan", "identity"), mask="random:0.5")


def analysed(made, members=5, seed=0, x=None, **options):
    method = DAISI(steps=8, inversion_steps=8, **options).prepare(made)
    if x is None:
        x = torch.randn(members, *made.system.shape, generator=stream(3)).double()
    streams = MemberStreams(seed, len(x), dtype=torch.float64)
    return method.assimilate({"ensemble": x}, made, streams)["ensemble"]


@pytest.mark.parametrize("options", [
    {}, {"iterations": 3}, {"guidance": "dps"}, {"guidance": "dps-scale"}, {"guidance": "spectral"},
    {"corrections": 1}, {"start": "sdedit"}, {"start": "noise"},
])
def test_members_depend_neither_on_the_others_nor_on_the_batch(small, options):
    x = torch.randn(5, *small.system.shape, generator=stream(3)).double()
    whole = analysed(small, x=x, **options)
    for other in (analysed(small, x=x, batch=2, **options), analysed(small, x=x[:2], **options)):
        torch.testing.assert_close(other, whole[: len(other)], rtol=1e-9, atol=1e-11)


def test_repeats_are_analysed_as_if_alone(small):
    x = torch.randn(2, 3, *small.system.shape, generator=stream(3)).double()
    data = torch.stack([small.data, small.data + 1])
    both = analysed(replace(small, data=data), x=x[:, :3], epsilon=0.0)
    for i in range(2):
        alone = analysed(replace(small, data=data[i]), x=x[i], epsilon=0.0)
        torch.testing.assert_close(both[i], alone, rtol=1e-9, atol=1e-11)


def test_decay_corrections_and_strength_change_the_analysis(small):
    plain = analysed(small)
    for options in ({"decay": True}, {"corrections": 2}, {"strength": 2.0}, {"epsilon": 0.3}):
        assert not torch.allclose(plain, analysed(small, **options))


def test_single_precision_priors_serve_double_precision_members(small):
    rough = replace(small, prior=gaussian().float())
    found = analysed(rough)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, analysed(small), rtol=0, atol=1e-4)


def test_noise_of_the_inversion_follows_the_units_of_the_system():
    made = scalar(0.0, 1.0)
    assert DAISI().prepare(made).inversion_noise == 0.03
    lorenz = SYSTEMS.make("lorenz63")
    prior = GaussianPrior(torch.eye(3, dtype=torch.complex128).view(1, 1, 3, 3), (1, 3, 1, 1))
    large = replace(made, system=lorenz, prior=prior)
    assert DAISI().prepare(large).inversion_noise == 0.03 / root_mean_square(lorenz) ** 2
    assert DAISI(inversion_epsilon=0.03).prepare(large).inversion_noise == 0.03


def test_edited_members_lose_their_white_noise():
    """Of a smooth truth: small scales, which the prior knows to be small, are taken away."""
    n = 16
    k = torch.fft.fftfreq(n, 1 / n).abs()[:, None] + torch.arange(n // 2 + 1)
    power = torch.where(k < 3, 20.0, 1e-4).to(torch.complex128)[..., None, None]
    prior = GaussianPrior(power, (1, 1, n, n))
    system = Number()
    system.shape = (1, n, n)
    normal = torch.randn(9, 1, 1, n, n, generator=stream(1)).double()
    truth = prior.climatological_covariance.sample(normal[:1])[0]
    noisy = truth + 0.5 * normal[1:, 0]
    made = problem(system, prior, mask="full")
    method = DAISI(edit=0.5, steps=100).prepare(made)
    before, after = (float((x - truth).square().mean().sqrt())
                     for x in (noisy, method.begin(noisy, made)["ensemble"]))
    assert after < 0.5 * before


class Steps(Elementwise):
    """A staircase, whose derivative is zero."""

    def __call__(self, x):
        return x.round()


def refused(made, **options):
    with pytest.raises(InputError) as error:
        DAISI(**options).check(made, 4)
    return str(error.value)


def test_refusals(small):
    stairs = replace(small, network=network(Steps(Grid())).realise(steps=1))
    assert "derivative of" in refused(stairs)
    DAISI(guidance="spectral").check(stairs, 4)
    assert "start=noise" in refused(small, t_min=0.0)
    assert "must be about windows of shape" in refused(scalar(0.0, 1.0, gaussian()))
    assert "must be one of" in refused(small, prior="nowhere")
    gone = replace(small, data=small.data * math.nan)
    with pytest.raises(InputError, match="must be finite"):
        analysed(gone)
    with pytest.raises(InputError, match="prepare"):
        DAISI().flow  # noqa: B018
    with pytest.raises(InputError, match="guidance"):
        DAISI(guidance="love")


def test_priors_without_derivatives_want_spectral_guidance(small):
    class Blunt(GaussianPrior):
        def denoise(self, x, sigma):
            return super().denoise(x.detach(), sigma)

    blunt = replace(small, prior=Blunt(gaussian().matrices(), small.prior.window))
    with pytest.raises(InputError, match="guidance=spectral"):
        analysed(blunt)
    assert analysed(blunt, guidance="spectral").isfinite().all()


def test_forecasts_outside_of_the_climate_are_warned_of(small):
    method = DAISI(steps=8, inversion_steps=8).prepare(small)
    x = torch.randn(4, *small.system.shape, generator=stream(3)).double()
    for size, warned in ((1.0, False), (30.0, True)):
        state = method.assimilate(
            {"ensemble": size * x}, small, MemberStreams(0, 4, dtype=torch.float64)
        )
        assert ("latents" in method.warning(state)) == warned
        assert method.diagnostics(state)["latent_size"].shape == ()
        stages = method.analysis_stages(state)
        assert list(stages) == ["forecast", "latent"] and stages["latent"].shape == x.shape
    assert method.warning({"ensemble": x}) == "" and method.analysis_stages({"ensemble": x}) == {}


def test_operators_of_other_units_are_observed_in_them():
    system = SYSTEMS.make("lorenz63")
    eye = torch.eye(3, dtype=torch.complex128).view(1, 1, 3, 3)
    prior = GaussianPrior(eye, (1, 3, 1, 1))
    seen = network(OPERATORS.make("identity:units=physical", system), noise=0.5).realise(steps=1)
    y = torch.tensor([8.0, -9.0, 4.0]).double()
    made = replace(scalar(0.0, 1.0), system=system, prior=prior, network=seen, data=y)
    found = analysed(made, start="noise", members=200, iterations=3)
    expected = y / system.scale.flatten()
    torch.testing.assert_close(found.mean(0).flatten(), expected, rtol=0, atol=0.2)


