"""Closed-form conditional diffusion: its score, its samplers, and its exact limits."""

from __future__ import annotations

import math
import resource
import time

import pytest
import torch

from dalab.errors import InputError
from dalab.methods import METHODS, Problem
from dalab.methods.generative.base import Likelihood
from dalab.methods.generative.ccdm.bandwidths import silverman
from dalab.methods.generative.ccdm.kernels import Kernels
from dalab.methods.generative.ccdm.latents import normal_latents
from dalab.methods.generative.ccdm.method import CCDM
from dalab.methods.generative.ccdm.samplers import begin, follow_flow
from dalab.methods.generative.ccdm.schedules import SCHEDULES, VarianceExploding, VariancePreserving
from dalab.observations import OPERATORS, Operator, network
from dalab.observations.noise import Laplace, Noise
from dalab.random import TimeStreams, stream
from dalab.systems import System


class Numbers(System):
    """A few numbers that stay what they are."""

    name, dims, units, interval, symbol = "numbers", ("lev", "y", "x"), "1", 1.0, "x"

    def __init__(self, count=1):
        self.shape = (count, 1, 1)

    def step(self, x, n=1, generator=None):
        return x


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def streams(members, seed=0):
    return TimeStreams(stream(seed), members, dtype=torch.float64)


def observed(y, r, operator="identity", count=1, noise=None):
    """Likelihood of data that are all y, with errors r."""
    system = Numbers(count)
    made = OPERATORS.make(operator) if isinstance(operator, str) else operator
    more = {} if noise is None else {"noise_family": noise}
    net = network(made.on(system), noise=r, **more).realise(system, 1)
    return Likelihood(net, torch.full((net.size,), float(y), dtype=torch.float64))


def normal(N, mean, std, seed=0):
    """Independent draws, ``(N, 1, 1, 1)``."""
    drawn = torch.randn(N, 1, 1, 1, generator=stream(seed), dtype=torch.float64)
    return mean + std * drawn


def wasserstein(found, kernels, std):
    """W1 of samples from a mixture of kernels in one dimension, by its quantiles."""
    grid = torch.linspace(-60, 60, 240_001, dtype=torch.float64)
    cdf = torch.zeros_like(grid)
    for w, c in zip(kernels.weights, kernels.centres[:, 0], strict=True):
        cdf += w * torch.special.ndtr((grid - c) / std)
    p = (torch.arange(len(found), dtype=torch.float64) + 0.5) / len(found)
    exact = grid[torch.searchsorted(cdf, p)]
    return float((found.flatten().sort().values - exact).abs().mean())


# ---------------------------------------------------------------- score and schedules


@pytest.mark.parametrize("schedule", [*SCHEDULES])
def test_the_score_is_the_gradient_of_the_log_density(schedule):
    generator = stream(0)
    centres = torch.randn(30, 3, generator=generator, dtype=torch.float64)
    log = torch.randn(30, generator=generator, dtype=torch.float64)
    kernels, path = Kernels(centres, log), SCHEDULES[schedule](0.2, 5.0)
    for t in (1.0, 0.5, max(path.last, 0.1)):
        m, s = path.mean(t), path.std(t)
        x = torch.randn(7, 3, generator=generator, dtype=torch.float64).requires_grad_()
        apart = (x[:, None] - m * centres).square().sum(-1)
        density = torch.logsumexp(log.log_softmax(0) - apart / (2 * s**2), 1).sum()
        expected = torch.autograd.grad(density, x)[0]
        torch.testing.assert_close(kernels.score(x.detach(), m, s), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("path", [
    VarianceExploding(0.2, 10.0), VarianceExploding(0.2, 10.0, from_zero=True),
    VariancePreserving(0.2, 20.0),
])
def test_schedules_are_the_law_of_their_equation(path):
    """d m / dt = f m, d sigma^2 / dt = 2 f sigma^2 + g^2, and the bandwidth at the end is h_min."""
    h = 1e-6
    for t in (0.3, 0.7):
        rate = (path.mean(t + h) - path.mean(t - h)) / (2 * h)
        assert rate == pytest.approx(path.drift(t) * path.mean(t), rel=1e-6, abs=1e-9)
        rate = (path.std(t + h) ** 2 - path.std(t - h) ** 2) / (2 * h)
        expected = 2 * path.drift(t) * path.std(t) ** 2 + path.diffusion(t)
        assert rate == pytest.approx(expected, rel=1e-6)
    assert path.std(path.last) / path.mean(path.last) == pytest.approx(0.2, rel=1e-9)


def test_the_end_of_vp_follows_from_the_bandwidth():
    path = VariancePreserving(0.1591, 20.0)
    assert path.last == pytest.approx(0.05, abs=1e-4)


# ---------------------------------------------------------------- samplers


def test_the_flow_to_one_kernel_has_a_closed_form(monkeypatch):
    monkeypatch.setattr("dalab.methods.generative.ccdm.samplers.TOLERANCE", 1e-10)
    kernels, latent = Kernels(column(3.0), column(0.0)[0]), column(-1.0, 0.0, 1.7)
    path = VarianceExploding(0.2, 10.0)
    found = follow_flow(kernels, path, begin(kernels, path, latent, None))
    torch.testing.assert_close(found, column(2.74, 2.94, 3.28), rtol=0, atol=1e-7)
    path = VariancePreserving(0.2, 20.0)
    found = follow_flow(kernels, path, begin(kernels, path, latent, None))
    end, m1, s1 = path.last, path.mean(1.0), path.std(1.0)
    expected = path.mean(end) * 3 + (s1 * latent - m1 * 3) * path.std(end) / s1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)


MIXTURE = Kernels(
    column(-1.2, -0.9, -1.0, 0.8, 1.0, 1.3, 0.2), column(0, -1, 0.5, 0, 1, 0, -2)[:, 0]
)
"""Two humps of unequal weight."""


@pytest.mark.parametrize("text, N", [
    ("direct", 4000), ("ode", 4000), ("ode,schedule=ve-zero", 4000), ("ode,schedule=vp", 4000),
    ("euler,steps=1000", 4000), ("sde,steps=200", 40_000),
    pytest.param("euler,a=1,steps=2000,schedule=vp", 40_000, marks=pytest.mark.slow),
])
def test_all_samplers_draw_from_the_mixture(text, N):
    """To a hundredth of its spread, with an exact start and strata; steps with noise have none."""
    method = METHODS.make(f"ccdm:h_min=0.1,h_max=20,sampler={text}")
    path, p = method.path(MIXTURE.centres), (torch.arange(N, dtype=torch.float64) + 0.5) / N
    index = torch.searchsorted(MIXTURE.weights.cumsum(0), p)
    latent = normal_latents(1, streams(N), stratified=True)
    found = method.diffused(MIXTURE, path, latent, index, streams(N, 1)) / path.mean(path.last)
    mean = (MIXTURE.weights @ MIXTURE.centres)[0]
    std = math.sqrt(0.01 + float(MIXTURE.weights @ (MIXTURE.centres[:, 0] - mean).square()))
    assert wasserstein(found, MIXTURE, 0.1) < 0.01 * std


def test_a_start_at_noise_loses_a_known_share_of_the_variance():
    """Of a Gaussian ensemble of spread 1 whose weighted mean is 1: rho of its closed form."""
    N, h_min, h_max, mean = 2000, 0.2, 5.0, 1.0
    p = (torch.arange(N, dtype=torch.float64) + 0.5) / N
    centres = mean + torch.special.ndtri(p)[:, None]
    kernels = Kernels(centres, torch.zeros(N, dtype=torch.float64))
    path = VarianceExploding(h_min, h_max)
    latent = torch.special.ndtri((torch.arange(400, dtype=torch.float64) + 0.5) / 400)[:, None]
    found = follow_flow(kernels, path, begin(kernels, path, latent, None))
    rho = math.sqrt((1 + h_min**2) / (1 + h_max**2))
    assert float(found.mean()) == pytest.approx(mean * (1 - rho), abs=2e-3)
    assert float(found.std() / latent.std()) == pytest.approx(rho * h_max, rel=2e-3)


# ---------------------------------------------------------------- exact limits of the filter


@pytest.mark.parametrize("sampler", ["direct"])
def test_linear_gaussian_limit(sampler):
    """m + P / (P + R_e) (y - m) and P R_e / (P + R_e) + h_min^2 with R_e = R + h_y^2."""
    x = normal(400_000, 1.0, 2.0)
    method = CCDM(sampler=sampler, whiten=False, h_y=0.7, h_min=0.3, stratified=True)
    found = method.sample(x, observed(3.0, 1.0), streams(len(x)))
    assert float(found.mean()) == pytest.approx(2.4572, abs=0.01)
    assert float(found.var()) == pytest.approx(1.1756, abs=0.015)


def test_without_bandwidths_it_is_the_kalman_update():
    x = normal(400_000, 1.0, 2.0)
    method = CCDM(sampler="direct", whiten=False, weights="known", h_min=1e-6, stratified=True)
    found = method.sample(x, observed(3.0, 1.0), streams(len(x)))
    assert float(found.mean()) == pytest.approx(1 + 4 / 5 * 2, abs=0.006)
    assert float(found.var()) == pytest.approx(4 / 5, abs=0.006)


@pytest.mark.parametrize("weights, h_y, h_min, mean, std", [
    ("simulated", 0.05, 0.05, 1.0667, 0.0898), ("simulated", 0.1, 0.1, 1.0500, 0.1291),
    ("simulated", 0.3, 0.1, 1.0136, 0.1382), ("known", None, 1e-6, 1.0750, 0.0707),
])
def test_both_modes_of_an_absolute_value(weights, h_y, h_min, mean, std):
    """x is near -1 or 1, |x| is observed as 1.15: |x| has a Gaussian posterior."""
    N = 400_000
    x = normal(N, 0.0, 0.1)
    x[: N // 2] += 1
    x[N // 2 :] -= 1
    method = CCDM(
        sampler="direct", whiten=False, weights=weights, h_y=h_y, h_min=h_min, stratified=True
    )
    found = method.sample(x, observed(1.15, 0.1, "absolute"), streams(N)).flatten()
    assert float((found > 0).double().mean()) == pytest.approx(0.5, abs=0.005)
    assert float(found.abs().mean()) == pytest.approx(mean, abs=0.001)
    assert float(found.abs().std()) == pytest.approx(std, abs=0.001)


@pytest.mark.parametrize("sampler", ["ode", "direct"])
def test_a_shift_of_all_members_shifts_the_analysis(sampler):
    x = normal(60, 0.0, 1.0).expand(-1, 2, 1, 1) * torch.tensor([1.0, 30.0]).reshape(2, 1, 1)
    shift, method = torch.tensor([100.0, -7.0]).reshape(2, 1, 1), CCDM(sampler=sampler)
    log = torch.randn(60, generator=stream(3), dtype=torch.float64)
    a, b = (method._samples(x + s, log, streams(60)) for s in (0.0, shift))
    torch.testing.assert_close(b - a, shift.double().expand_as(a), rtol=0, atol=1e-3)


def test_the_order_of_the_members_does_not_matter():
    x, log = normal(60, 0.0, 1.0), torch.randn(60, generator=stream(3), dtype=torch.float64)
    order = torch.randperm(60, generator=stream(4))
    method = CCDM(start="gaussian")
    a = method._samples(x, log, streams(60))
    b = method._samples(x[order], log[order], streams(60))
    torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sampler, members, error", [("direct", 200_000, 0.01), ("ode", 800, 0.06)])
def test_observations_that_are_all_alike_leave_the_forecast_density(sampler, members, error):
    x = normal(members, 1.0, 1.0, seed=7)
    method = CCDM(sampler=sampler, whiten=False, h_min=0.5, stratified=True)
    log = torch.zeros(members, dtype=torch.float64)
    found = method._samples(x, log, streams(members))
    assert float(found.mean()) == pytest.approx(float(x.mean()), abs=0.005)
    assert float(found.var()) == pytest.approx(float(x.var()) + 0.25, rel=error)


# ---------------------------------------------------------------- options


def test_bandwidths_that_are_left_open():
    x = column(*torch.randn(500, generator=stream(0), dtype=torch.float64).tolist())
    rule = (4 / 3) ** 0.2 * float(x.std()) * 500**-0.2
    assert silverman(x) == pytest.approx(rule)
    path = CCDM(whiten=False).path(x)
    assert path.h_min == pytest.approx(rule / 2)
    assert path.h_max == pytest.approx(20 * float(x.std()))
    assert CCDM(whiten=False, bandwidth="silverman").path(9 * x).h_min == 0.5
    assert CCDM(schedule="vp").path(x).beta == 20.0
    assert CCDM(h_min=3.0, h_max=1.0).path(x).h_max == 3.0


def test_whitening_makes_the_units_of_the_states_irrelevant():
    x = torch.randn(80, 2, 1, 1, generator=stream(0), dtype=torch.float64)
    scale = torch.tensor([1.0, 1000.0], dtype=torch.float64).reshape(2, 1, 1)
    log = torch.randn(80, generator=stream(3), dtype=torch.float64)
    method = CCDM(sampler="sde", steps=30)
    a, b = (method._samples(s * x, log, streams(80)) for s in (1.0, scale))
    torch.testing.assert_close(b, scale * a, rtol=1e-9, atol=1e-9)


def test_repeats_are_independent_and_a_collapsed_ensemble_stays_finite():
    method, x = CCDM(sampler="direct"), torch.stack([normal(50, 0.0, 1.0), normal(50, 9.0, 0.0)])
    likelihood = observed(0.5, 0.3)
    both = Likelihood(likelihood.network, likelihood.data.expand(2, 1))
    found = method.sample(x, both, streams(50))
    assert found.shape == x.shape and found.isfinite().all()
    assert abs(float(found[0].mean()) - 0.5) < 0.5 and abs(float(found[1].mean()) - 9) < 1e-6


def test_sde_needs_a_state_that_does_not_decay():
    problem = Problem(Numbers(), None, observed(0.0, 1.0).network, torch.zeros(1))
    with pytest.raises(InputError, match="must not let the state decay"):
        CCDM(sampler="sde", schedule="vp").check(problem, 10)


def test_few_effective_kernels_are_warned_of():
    likelihood = observed(8.0, 0.01)
    problem = Problem(Numbers(), None, likelihood.network, likelihood.data)
    method = CCDM(sampler="direct", members=500)
    state = method.begin(normal(500, 0.0, 1.0), problem)
    assert method.warning(state) == ""
    state = method.assimilate(state, problem, streams(500))
    assert "of 500 kernels effective" in method.warning(state)
    assert float(method.diagnostics(state)["effective_kernels"]) < 10


# ---------------------------------------------------------------- black boxes


class Rounded(Operator):
    """Whole numbers, by NumPy: no derivative, and many states with one value."""

    @property
    def channels(self):
        return ("count",)

    def __call__(self, x):
        return torch.from_numpy((2 * abs(x.numpy())).round().sum(-3, keepdims=True))


class Root(Operator):
    """The square root of what is not below -0.5, and nothing elsewhere."""

    def __call__(self, x):
        return torch.where(x < -0.5, torch.nan, x.clamp(min=0).sqrt())

    def check(self):
        """Allow values that are no numbers."""


class Sided(Noise):
    """Noise of one of two values."""

    def sample(self, size, generator):
        return 2.0 * torch.randint(2, (size,), generator=generator) - 1


def test_an_operator_without_derivative_and_noise_without_density():
    """Data 5 of 4 or 6 counts, each with probability 1/2: |x| is in 1.75 to 3.25 but not 2.25 to
    2.75, by rejection."""
    x = normal(200_000, 0.0, 2.0)
    method = CCDM(sampler="direct", whiten=False, h_y=0.1, h_min=1e-3)
    found = method.sample(x, observed(5.0, 1.0, Rounded(), noise=Sided()), streams(len(x)))
    size = found.abs().flatten()
    kept = x.abs().flatten()
    kept = kept[((2 * kept).round() == 4) | ((2 * kept).round() == 6)]
    assert float(((size > 1.7) & (size < 3.3)).double().mean()) == 1.0
    assert float(((size > 2.27) & (size < 2.73)).double().mean()) == 0.0
    assert float(size.mean()) == pytest.approx(float(kept.mean()), abs=0.01)


def test_simulated_observations_have_the_noise_of_the_family_and_are_drawn_anew():
    likelihood, method = observed(0.0, 0.5, noise=Laplace()), CCDM()
    x, source = torch.zeros(100_000, 1, 1, 1, dtype=torch.float64), streams(100_000)
    first, second = (likelihood.simulated(x, source.generators[0]) for _ in range(2))
    assert not torch.equal(first, second)
    kurtosis = (first / first.std()).pow(4).mean()
    assert float(first.std()) == pytest.approx(0.5, rel=0.01)
    assert float(kurtosis) == pytest.approx(6.0, rel=0.1)
    one = method.log_weights(x[:50], likelihood, streams(50))
    assert not torch.equal(one, method.log_weights(x[:50], likelihood, streams(50, 1)))


def test_a_forecast_that_cannot_be_observed_has_no_weight():
    x = torch.tensor([-1.0, 1.0, 2.0], dtype=torch.float64).reshape(3, 1, 1, 1)
    root = observed(1.0, 0.5, Root())
    found = CCDM().log_weights(x, root, streams(3))
    assert found[0] == -torch.inf and found[1:].isfinite().all()


# ---------------------------------------------------------------- many members


@pytest.mark.parametrize("options", [{"sampler": "direct"}, {"sampler": "sde", "steps": 1}])
def test_ten_thousand_members_need_little_memory_and_time(options):
    """All distances at once would need 800 MB, their differences 2.4 GB."""
    x = torch.randn(10_000, 3, 1, 1, generator=stream(0), dtype=torch.float64)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    found = CCDM(**options).sample(x, observed(0.5, 0.5, count=3), streams(10_000))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert found.isfinite().all() and time.perf_counter() - begun < 60
    assert grown < 300, f"{grown:.0f} MiB"
