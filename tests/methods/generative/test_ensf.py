"""Ensemble score filter against the closed forms of its score, and of its bias."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.ensemble.enkf import anomalies, global_increment
from dalab.methods.generative import blocks
from dalab.methods.generative.base import Likelihood
from dalab.methods.generative.ensf import EnSF
from dalab.methods.generative.linear_path import LinearPath
from dalab.methods.generative.regression import regress_unobserved
from dalab.observations import OPERATORS, network
from dalab.random import MemberStreams, TimeStreams, stream
from dalab.systems import SYSTEMS
from tests.methods.worlds import Advection


def streams(members, seed=0):
    return MemberStreams(seed, members, dtype=torch.float64)


def observed(n, r, y, seen=None, system=None):
    """Likelihood of data y, one for each cell of an n x n grid, with errors r."""
    if system is None:
        system = Advection()
        system.shape = (1, n, n)
    cells = torch.ones(1, n, n, dtype=torch.bool) if seen is None else seen
    net = network(OPERATORS["identity"](system), mask=cells, noise=r).realise()
    return Likelihood(net, torch.full((net.size,), float(y), dtype=torch.float64))


def quantiles(N, std=1.0):
    """A normal ensemble of one number without sampling error, ``(N, 1, 1, 1)``."""
    p = (torch.arange(N, dtype=torch.float64) + 0.5) / N
    x = torch.special.ndtri(p)
    return (std * x / x.std()).reshape(N, 1, 1, 1)


def test_the_path_is_the_law_of_its_equation():
    path, n = LinearPath(0.3, 0.05), 10_000
    mean, variance = 1.0, path.variance(0)
    for k in range(n):
        t = (k + 0.5) / n
        variance += (2 * path.drift(t) * variance + path.diffusion(t)) / n
        mean *= 1 + path.drift(t) / n
        if (k + 1) % (n // 4) == 0:
            t = (k + 1) / n
            assert mean == pytest.approx(path.alpha(t), rel=1e-4)
            assert variance == pytest.approx(path.variance(t), rel=1e-4)


def linear(method, r, prior):
    """Coefficients of the forecast mean and of the data in an analysis, and its variance.

    The score of a kernel about the forecast (prior 0), or of a Gaussian forecast of variance
    ``prior``, with the damped likelihood is linear, and so is every step.
    """
    path, n, share, gain, variance = method.path(), method.steps, 0.0, 0.0, 1.0
    for k in range(n):
        t = 1 - k / n
        a, total = path.alpha(t), path.alpha(t) ** 2 * prior + path.variance(t)
        pull, g = (1 - t) / r**2, path.diffusion(t)
        factor = 1 - (path.drift(t) + g * (1 / total + pull)) / n
        share, gain = factor * share + g * a / total / n, factor * gain + g * pull / n
        variance = factor**2 * variance + g / n
    return share, gain, variance


PAIRED = [
    (0.05, (0.5, 0.025), 500, 0.0843, 0.9167, 0.0020),
    (0.1, (0.5, 0.025), 500, 0.2417, 0.7613, 0.0043),
    (1.0, (0.5, 0.025), 500, 0.9347, 0.0669, 0.0232),
    (0.5, (0.5, 0.05), 500, 0.729, 0.285, 0.030),
    (0.1, (0.001, 0.001), 10_000, 0.7985, 0.2023, 0.0007),
]


@pytest.mark.parametrize("r, epsilons, steps, c, k, v", PAIRED)
def test_paired_it_is_a_nudging_whose_gain_the_epsilons_set(r, epsilons, steps, c, k, v):
    method = EnSF(epsilon_alpha=epsilons[0], epsilon_beta=epsilons[1], steps=steps)
    known = linear(method, r, prior=0.0)
    assert known == pytest.approx((c, k, v), rel=0.03, abs=1e-3)
    method = EnSF(**{**method.param.values(), "steps": 300, "standardise": False})
    zero, one = (torch.full((2, 1, 64, 64), float(value), dtype=torch.float64) for value in (0, 1))
    share = method.sample(one, observed(64, r, 0.0), streams(2).scaled(0.0)).mean()
    found = method.sample(zero, observed(64, r, 1.0), streams(2))
    expected = linear(method, r, prior=0.0)
    assert share == pytest.approx(expected[0], rel=1e-6)
    assert found.mean() == pytest.approx(expected[1], abs=5 * (expected[2] / 8192) ** 0.5)
    assert found.var() == pytest.approx(expected[2], rel=0.06)


def test_paired_it_leaves_unobserved_variables_at_their_blurred_forecast():
    seen = torch.zeros(1, 64, 64, dtype=torch.bool)
    seen[..., :32] = True
    x = torch.full((2, 1, 64, 64), 3.0, dtype=torch.float64)
    found = EnSF(standardise=False).sample(x, observed(64, 0.5, 0.0, seen), streams(2))[..., 32:]
    assert found.mean() == pytest.approx((1 - 0.5**2 * 0.025) * 3, abs=0.01)
    assert found.var() == pytest.approx(0.025, rel=0.06)


MIXTURE = [
    (0.01, (0.5, 0.025), 0.9952, None, 0.005), (0.1, (0.5, 0.025), 0.947, None, 0.050),
    (0.25, (0.5, 0.025), 0.832, None, 0.126), (1.0, (0.5, 0.025), 0.4154, 0.548, 0.446),
    (4.0, (0.5, 0.025), 0.130, 0.721, 0.789), (1.0, (0.001, 0.001), 0.527, 0.638, 0.445),
]


@pytest.mark.parametrize("kappa, epsilons, gain, share, variance", MIXTURE)
def test_the_known_bias_of_a_damped_likelihood(kappa, epsilons, gain, share, variance):
    """About half of the exact variance, kappa / (1 + kappa), for accurate observations."""
    method = EnSF(epsilon_alpha=epsilons[0], epsilon_beta=epsilons[1], steps=10_000)
    found = linear(method, kappa**0.5, prior=1.0)
    assert found[1:] == pytest.approx((gain, variance), rel=0.03, abs=6e-4)
    assert share is None or found[0] == pytest.approx(share, abs=0.002)


def test_the_mixture_of_many_forecasts_has_that_bias():
    N, r = 300, 0.5
    method, x = EnSF(score="mixture", steps=200), quantiles(N)
    low, high = (method.sample(x, observed(1, r, y), streams(N)) for y in (0.0, 1.0))
    _, gain, variance = linear(method, r, prior=1.0)
    assert high.mean() - low.mean() == pytest.approx(gain, abs=0.005)
    assert high.var() == pytest.approx(variance, rel=0.1)


@pytest.mark.parametrize("kappa", [0.1, 1.0])
def test_the_conditional_score_is_exact_for_gaussian_forecasts(kappa):
    N, r = 30, kappa**0.5
    method, x = EnSF(score="conditional", standardise=False), quantiles(N).expand(100, N, 1, 1, 1)
    mean = method.sample(x + 0.5, observed(1, r, 1.0), streams(N).scaled(0.0)).mean()
    assert mean == pytest.approx((1 + 0.5 * kappa) / (1 + kappa), abs=0.002)
    found = method.sample(x, observed(1, r, 1.0), streams(N))
    assert found.var() == pytest.approx(kappa / (1 + kappa) + 0.002, rel=0.07)


def test_the_conditional_score_updates_what_is_not_observed():
    prior = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    normal = torch.randn(30, 2, generator=stream(3), dtype=torch.float64)
    normal -= normal.mean(0)
    normal = torch.linalg.solve(torch.linalg.cholesky(normal.T.cov()), normal.T).T
    system = Advection()
    system.shape = (1, 1, 2)
    x = (normal @ torch.linalg.cholesky(prior).T).reshape(-1, 1, 1, 2).expand(100, -1, -1, -1, -1)
    seen, method = torch.tensor([[[True, False]]]), EnSF(score="conditional", standardise=False)
    found = method.sample(x, observed(None, 0.3, 1.0, seen, system), streams(30)).flatten(0, 1)
    variances = torch.tensor([0.0826 + 0.002, 0.4128 + 0.002], dtype=torch.float64)
    error = found.mean(0).flatten() - torch.tensor([0.9174, 0.7339])
    assert (error.abs() < 4 * (variances / 3000).sqrt()).all()
    diagonal = found.flatten(1).T.cov().diagonal()
    assert diagonal.tolist() == pytest.approx(variances.tolist(), rel=0.1)


@pytest.mark.parametrize("N", [6, 40])
def test_the_regression_turns_kalman_increments_of_observed_cells_into_those_of_all(N):
    system = Advection()
    x = torch.randn(N, *system.shape, generator=stream(1), dtype=torch.float64)
    x = x + x.roll(1, -1)
    cells = torch.rand(1, 8, 8, generator=stream(2)) < 0.1
    net = network(OPERATORS["identity"](system), mask=cells, noise=0.5).realise()
    data = torch.randn(net.size, generator=stream(4), dtype=torch.float64)
    Y = anomalies(net.apply(x.unsqueeze(-4)), -2) / 0.5
    increment = global_increment(anomalies(x, -4), Y, (data - net.apply(x.unsqueeze(-4))) / 0.5)
    seen = torch.where(cells, increment, torch.zeros_like(increment))
    found = regress_unobserved(x + seen, x, net)
    torch.testing.assert_close(found, x + increment, rtol=1e-3, atol=1e-4)


def test_physical_units_are_those_of_the_equations():
    class Scaled(Advection):
        shape = (1, 4, 4)
        offset = torch.full((1, 1, 1), 2.0, dtype=torch.float64)
        scale = torch.full((1, 1, 1), 3.0, dtype=torch.float64)

    x = torch.randn(5, 1, 4, 4, generator=stream(1), dtype=torch.float64)
    expected = EnSF(steps=50).sample(x, observed(4, 0.6, 1.5), streams(5))
    system, cells = Scaled(), torch.ones(1, 4, 4, dtype=torch.bool)
    operator = OPERATORS["identity"](system, units="physical")  # the anomaly from the mean
    net = network(operator, mask=cells, noise=0.6).realise()
    likelihood = Likelihood(net, torch.full((net.size,), -0.5, dtype=torch.float64), system)
    torch.testing.assert_close(EnSF(steps=50).sample(x, likelihood, streams(5)), expected)


def test_of_one_component_the_regression_corrects_the_others():
    system = SYSTEMS.make("lorenz63")
    x = torch.randn(60, 3, 1, 1, generator=stream(1), dtype=torch.float64)
    x = x + x.roll(1, -3)
    net = network(OPERATORS["component"](system), noise=0.5).realise(steps=1)
    moved = x.clone()
    moved[:, 0] += 1.0
    found = regress_unobserved(moved, x, net)
    C = x.flatten(1).T.cov()
    expected = x + (C[0] / C[0, 0])[:, None, None]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


class Replayed:
    """Streams that give prepared numbers, ``(draws, N, repeats, lev, y, cells)``."""

    def __init__(self, numbers, block=None):
        self.numbers, self.block, self.drawn = numbers, block, 0

    def branches(self, count):
        pieces = self.numbers.split(self.block, -1)
        assert len(pieces) == count
        return [Replayed(piece) for piece in pieces]

    def normal(self, shape):
        found = self.numbers[self.drawn]
        self.drawn += 1
        assert found.shape[1:] == shape
        return found


@pytest.mark.parametrize("repeats", [(), (2,)])
@pytest.mark.parametrize("units", ["normalised", "physical"])
def test_blocks_of_cells_give_the_whole_to_the_bit(monkeypatch, units, repeats):
    """Masks with holes, two operators, two fields, and a last block that is shorter.

    Lengths are multiples of 16: the last numbers of others are computed one by one, with other
    roundings.
    """
    system, N, n = SYSTEMS.make("lorenz96-two-scale:K=112,J=1"), 6, 20
    cells = torch.rand(1, 1, 112, generator=stream(1)) < 0.5
    cells[..., :32] = False  # nothing is observed in the first block
    net = network(OPERATORS["arctan"](system), OPERATORS["identity"](system),
                  mask=[cells, ~cells & (torch.arange(112) > 32)], noise=0.6).realise()
    data = torch.randn(*repeats, net.size, generator=stream(2), dtype=torch.float64)
    x = torch.randn(*repeats, N, *system.shape, generator=stream(3), dtype=torch.float64)
    noise = torch.randn(n + 1, N, *repeats, 2, 1, 112, generator=stream(4), dtype=torch.float64)
    method = EnSF(steps=n)
    likelihood = Likelihood(net, data, system if units == "physical" else None)
    whole = method.sample(x, likelihood, Replayed(noise))
    monkeypatch.setattr(blocks.sample_in_blocks, "__defaults__", (32,))
    found = method.sample(x, likelihood, Replayed(noise, 32))
    assert torch.equal(found, whole) and not torch.equal(found, x)


def test_blocks_of_a_plane_are_rows_of_its_cells(monkeypatch):
    x = torch.randn(4, 1, 6, 6, generator=stream(3), dtype=torch.float64)
    seen = torch.rand(1, 6, 6, generator=stream(1)) < 0.6
    noise = torch.randn(11, 4, 1, 1, 36, generator=stream(4), dtype=torch.float64)
    method, likelihood = EnSF(steps=10), observed(6, 0.4, 0.7, seen)
    whole = method.sample(x, likelihood, Replayed(noise.unflatten(-1, (6, 6)).squeeze(-3)))
    monkeypatch.setattr(blocks.sample_in_blocks, "__defaults__", (7,))
    assert torch.equal(method.sample(x, likelihood, Replayed(noise, 7)), whole)


@pytest.mark.parametrize("options, operator", [
    ({"score": "mixture"}, "arctan"), ({"score": "conditional"}, "arctan"), ({}, "block-average"),
])
def test_what_mixes_cells_is_not_cut(monkeypatch, options, operator):
    system = SYSTEMS.make("lorenz96:d=20")
    cells = torch.ones(1, 1, 20, dtype=torch.bool)
    net = network(OPERATORS[operator](system), mask=cells, noise=0.3).realise()
    x = torch.randn(8, *system.shape, generator=stream(3), dtype=torch.float64)
    likelihood = Likelihood(net, torch.zeros(net.size, dtype=torch.float64))
    method = EnSF(steps=20, **options)
    whole = method.sample(x, likelihood, streams(8))
    monkeypatch.setattr(blocks.sample_in_blocks, "__defaults__", (4,))
    assert torch.equal(method.sample(x, likelihood, streams(8)), whole)


def test_a_large_state_is_cut_and_its_statistics_are_those_of_a_small_one():
    """Two and a half blocks; the same gain everywhere."""
    d, r, method = 40_000, 0.5, EnSF(steps=60)
    system = SYSTEMS.make(f"lorenz96:d={d}")
    net = network(OPERATORS["identity"](system), mask=torch.ones(1, 1, d, dtype=torch.bool),
                  noise=r).realise()
    x = torch.zeros(4, *system.shape)
    found = method.sample(x, Likelihood(net, torch.ones(d)), MemberStreams(0, 4))
    _, gain, variance = linear(method, r, prior=0.0)
    for part in found.split(blocks.BLOCK, -1):
        assert part.mean() == pytest.approx(gain, abs=4 * (variance / part.numel()) ** 0.5)
    pieces = found.split(blocks.BLOCK, -1)
    assert not torch.equal(pieces[0], pieces[1]), "every block has its own randomness"


@pytest.mark.parametrize("kind", ["member", "time"])
def test_a_large_analysis_does_not_depend_on_threads_or_other_members(kind):
    d, method = 2 * blocks.BLOCK + 100, EnSF(steps=5, standardise=False)
    system = SYSTEMS.make(f"lorenz96:d={d}")
    net = network(OPERATORS["arctan"](system), mask=torch.ones(1, 1, d, dtype=torch.bool),
                  noise=0.3).realise()
    x, data = torch.zeros(4, *system.shape), torch.ones(d)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3, 1):
            torch.set_num_threads(threads)
            numbers = MemberStreams(0, 4) if kind == "member" else TimeStreams(stream(0, "t"), 4)
            found.append(method.sample(x, Likelihood(net, data), numbers))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])
    if kind == "member":
        fewer = method.sample(x[:3], Likelihood(net, data), MemberStreams(0, 3))
        assert torch.equal(fewer, found[0][:3])
