"""Longer windows: exact for Gaussian Markov processes, nearly so for overlapping windows alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.experiments.exact import gaussian
from dalab.experiments.truth import draw_truth
from dalab.methods import METHODS, Problem
from dalab.methods.gaussian.update import Gaussian, background_observation, posterior
from dalab.observations import OPERATORS
from dalab.priors import GaussianPrior
from dalab.priors.base import Prior
from dalab.priors.covariance import HomogeneousObservation
from dalab.priors.denoisers import composed
from dalab.priors.denoisers.augmented import gaussian_augmented
from dalab.priors.denoisers.composed import (
    ComposedPrior,
    lengthen,
    lengthen_augmented,
    window_starts,
)
from dalab.priors.loading import load_prior
from dalab.priors.markov import extend
from dalab.random import stream
from dalab.systems import SYSTEMS, System
from tests.methods.worlds import Advection, last, problem

LEV, NY, NX, LONG = 2, 6, 8, 30
MIX = torch.tensor([[1.0, 0.6], [0.6, 1.0]], dtype=torch.complex128)
L, K = torch.meshgrid(
    torch.fft.fftfreq(NY, dtype=torch.float64), torch.fft.rfftfreq(NX, dtype=torch.float64),
    indexing="ij",
)  # fmt: skip
SPECTRUM = 1 / (1 + 20 * (L**2 + K**2))


def blocks(per_lag: torch.Tensor) -> torch.Tensor:
    """Covariances of windows from those of pairs of states, ``(l, k, time, time)``."""
    joint = torch.einsum("lkij,lk,ab->lkiajb", per_lag, SPECTRUM.to(MIX), MIX)
    return joint.flatten(-4, -3).flatten(-2, -1)


def markov(steps: int) -> torch.Tensor:
    """Waves that move and decay, the faster the shorter they are, and are stirred by noise."""
    memory = 0.95 * torch.exp(-8 * (L**2 + K**2))
    lag = torch.arange(steps)[:, None] - torch.arange(steps)
    phase = torch.exp(-2j * torch.pi * K[..., None, None] * lag)
    return blocks(memory[..., None, None] ** lag.abs() * phase)


def advected(steps: int) -> torch.Tensor:
    """Trajectories of :class:`Advection`, which has no noise: a degenerate covariance."""
    power = (0.9 * torch.exp(-2j * torch.pi * K))[..., None] ** torch.arange(steps)
    return blocks(power[..., :, None] * power[..., None, :].conj())


def prior(matrices: torch.Tensor) -> GaussianPrior:
    return GaussianPrior(matrices, (matrices.shape[-1] // LEV, LEV, NY, NX))


def noisy(exact: GaussianPrior, sigma: float, count: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows of a prior, and the same with noise."""
    white = torch.randn(2, count, *exact.window, generator=stream(sigma), dtype=torch.float64)
    clean = exact.climatological_covariance.sample(white[0])
    return clean, clean + sigma * white[1]


class Opaque(Prior):
    """A prior that shows no more than its denoiser and its covariances."""

    def __init__(self, core: GaussianPrior) -> None:
        super().__init__("opaque", core.window)
        self.core, self.counts = core, []

    def denoise(self, x, sigma):
        self.counts.append(len(x))
        return self.core.denoise(x, sigma)

    def error_covariance(self, sigma):
        return self.core.error_covariance(sigma)

    @property
    def climatological_covariance(self):
        return self.core.climatological_covariance


class TestExtension:
    @pytest.mark.parametrize("length", [2, 3, 9])
    def test_a_markov_process_is_extended_exactly(self, length):
        found = extend(markov(length), LEV, LONG)
        torch.testing.assert_close(found, markov(LONG), rtol=0, atol=1e-11)

    @pytest.mark.parametrize("length", [2, 5])
    def test_so_are_dynamics_without_noise_whose_covariance_is_degenerate(self, length):
        found = extend(advected(length), LEV, LONG)
        torch.testing.assert_close(found, advected(LONG), rtol=0, atol=1e-9)

    def test_states_of_a_single_one_are_independent(self):
        found = extend(markov(1), LEV, 3)
        torch.testing.assert_close(found, torch.block_diag(*[torch.ones(2, 2)] * 3) * found)
        torch.testing.assert_close(found[..., 4:, 4:], markov(1))

    def test_an_estimate_keeps_its_window_and_does_not_grow(self, tiny_prior):
        """From so few windows, without the bound, the variance would grow a thousandfold."""
        C = tiny_prior.matrices() * torch.tensor([1.0, 1.0, 1.3, 1.3, 1.6, 1.6]).sqrt()
        C = C * torch.tensor([1.0, 1.0, 1.3, 1.3, 1.6, 1.6]).sqrt()[:, None]
        found = extend(C, 2, 40)
        torch.testing.assert_close(found[..., :6, :6], C)
        variance = found.diagonal(dim1=-2, dim2=-1).real.unflatten(-1, (40, 2)).sum(-1)
        assert (variance[..., 3:] <= variance[..., 2:3] * (1 + 1e-9)).all()
        assert torch.linalg.eigvalsh(found).min() > -1e-9


class TestComposition:
    @pytest.mark.parametrize("sigma", [0.02, 0.3, 1.0, 5.0, 20.0])
    def test_a_gaussian_markov_prior_is_composed_exactly(self, sigma):
        exact, found = prior(markov(LONG)), ComposedPrior(prior(markov(9)), LONG)
        _, x = noisy(exact, sigma)
        torch.testing.assert_close(found.denoise(x, sigma), exact.denoise(x, sigma))
        C, E = found.error_covariance(sigma), exact.error_covariance(sigma)
        torch.testing.assert_close(C.matrices, E.matrices, rtol=1e-6, atol=1e-9)

    @pytest.mark.parametrize(
        ("sigma", "bounds"),
        [(0.1, (0.025, 0.01, 0.005)), (1.0, (0.18, 0.1, 0.05)), (5.0, (0.16, 0.13, 0.09))],
    )
    def test_overlapping_windows_alone_miss_little_the_less_the_longer_they_are(
        self, sigma, bounds
    ):
        """Windows of 3, 5 and 9 states: error added, relative to the error of the best denoiser."""
        exact = prior(markov(LONG))
        clean, x = noisy(exact, sigma)
        best = exact.denoise(x, sigma)
        missed = []
        for length in (3, 5, 9):
            base = prior(markov(length))
            found = ComposedPrior(base, LONG).compose(base.denoise, x, sigma)
            missed.append(float((found - best).norm() / (best - clean).norm()))
        assert all(m < bound for m, bound in zip(missed, bounds, strict=True)), missed
        assert sorted(missed, reverse=True) == missed and missed[-1] > 1e-6

    def test_every_fourth_window_is_as_good_as_every_window_of_which_the_middle_is_taken(self):
        """The published composition, at four times the cost."""
        exact, base = prior(markov(LONG)), prior(markov(9))
        clean, x = noisy(exact, 0.3)
        middles = torch.stack([base.denoise(x[:, a : a + 9], 0.3) for a in range(LONG - 8)], 1)
        published = torch.cat([middles[:, 0, :4], middles[:, :, 4], middles[:, -1, 5:]], 1)
        found = ComposedPrior(base, LONG).compose(base.denoise, x, 0.3)
        assert (found - clean).square().mean() < 1.001 * (published - clean).square().mean()

    @pytest.mark.parametrize(("steps", "starts"), [(10, [0, 1]), (13, [0, 4]), (14, [0, 4, 5])])
    def test_windows_cover_everything_once(self, steps, starts):
        assert window_starts(steps, 9, 4) == starts
        found = ComposedPrior(prior(markov(9)), steps)
        ones = torch.ones(1, *found.window)
        torch.testing.assert_close(found.join(found.cut(ones), found.shares), ones)

    @pytest.mark.parametrize("sigma", [0.1, 0.5, 3.0])
    def test_the_jacobian_is_a_covariance(self, sigma):
        """Symmetric and positive; that of a Gaussian is its error covariance, but for the ridge."""
        exact, found = prior(markov(12)), ComposedPrior(prior(markov(5)), 12)
        _, x = noisy(exact, sigma, 3)
        v = torch.randn(2, *x.shape, generator=stream(1), dtype=x.dtype)
        denoised = found.denoise(x.requires_grad_(), sigma)
        torch.testing.assert_close(denoised.detach(), exact.denoise(x.detach(), sigma))
        pulled = [
            sigma**2 * torch.autograd.grad(denoised, x, u, retain_graph=True)[0] for u in v
        ]
        torch.testing.assert_close((v[0] * pulled[1]).sum(), (v[1] * pulled[0]).sum())
        assert ((v[0] * pulled[0]).sum((1, 2, 3, 4)) > 0).all()
        expected = exact.error_covariance(sigma)(v[0])
        assert (pulled[0] - expected).norm() < 0.02 * expected.norm()

    def test_memory_is_bounded_and_gradients_stay_as_they_are(self, monkeypatch):
        base = Opaque(prior(markov(5)))
        found = ComposedPrior(base, 12)
        _, x = noisy(prior(markov(12)), 0.5, 3)
        v = torch.randn(x.shape, generator=stream(1), dtype=x.dtype)
        pulled = []
        for chunk in (2**20, 2 * base.window[0] * LEV * NY * NX):
            monkeypatch.setattr(composed, "CHUNK", chunk)
            base.counts.clear()
            y = x.clone().requires_grad_()
            denoised = found.denoise(y, 0.5)
            for _ in range(2):
                pulled.append(torch.autograd.grad(denoised, y, v, retain_graph=True)[0])
        assert max(base.counts) == 2
        torch.testing.assert_close(pulled[0], pulled[3])

    def test_levels_may_differ_between_windows(self):
        found = ComposedPrior(prior(markov(5)), 12)
        _, x = noisy(prior(markov(12)), 0.5, 2)
        levels = torch.tensor([0.5, 2.0], dtype=x.dtype).view(2, 1, 1, 1, 1)
        expected = torch.stack([found.denoise(x[0], 0.5), found.denoise(x[1], 2.0)])
        torch.testing.assert_close(found.denoise(x, levels), expected)


class TestLengthen:
    def test_gaussians_are_extended_others_composed_and_long_ones_kept(self):
        base = prior(markov(5))
        longer = lengthen(base, 12)
        assert type(longer) is GaussianPrior and longer is lengthen(base, 12)
        torch.testing.assert_close(longer.matrices(), markov(12), rtol=0, atol=1e-9)
        assert type(lengthen(Opaque(base), 12)) is ComposedPrior
        assert lengthen(base, 5) is base and lengthen(base, 4) is base

    def test_augmented_windows_are_extended_too(self):
        system = Advection()
        operators = [OPERATORS.make("arctan", system)]
        found = lengthen_augmented(gaussian_augmented(prior(markov(9)), operators), LONG)
        expected = gaussian_augmented(prior(markov(LONG)), operators)
        assert found.channels == expected.channels and found.window == expected.window
        core, exact = found.core.matrices(), expected.core.matrices()
        torch.testing.assert_close(core[..., :36, :36], exact[..., :36, :36])
        assert (core - exact).abs().max() < 0.02

    def test_a_background_is_seen_by_the_first_window(self):
        found = ComposedPrior(Opaque(prior(markov(5))), 12)
        state = torch.randn(LEV, NY, NX, generator=stream(2), dtype=torch.float64)
        seen = found.background_observation(state, 0.3)
        expected = HomogeneousObservation.of_first(state, 0.3, 12)
        torch.testing.assert_close(seen.operator, expected.operator)
        torch.testing.assert_close(seen.values, expected.values)


@pytest.fixture(scope="module")
def advection() -> System:
    system = Advection()
    system.shape = (LEV, NY, NX)
    return system


def solved(p: Problem) -> torch.Tensor:
    """Posterior mean by the linear solver of the window methods."""
    before = Gaussian(
        torch.zeros(1, *p.window, dtype=torch.float64), p.prior.climatological_covariance
    )
    return posterior(p, before, background_observation(p), 200)


def test_the_posterior_of_a_long_window_is_that_of_the_kalman_smoother(advection):
    """Dynamics without noise: the smoother knows the model, the prior nine states of it."""
    p = problem(advection, lengthen(prior(advected(9)), 20), mask="random:0.2")
    exact = last(METHODS.make("rts"), p, 1).estimate
    torch.testing.assert_close(solved(p), exact, rtol=0, atol=1e-6)
    cooled = last(METHODS.make("spectral:temperature=0,steps=24,iterations=60"), p, 1).estimate
    assert (cooled - exact).norm() < 0.02 * exact.norm()


def test_so_it_is_with_a_background(advection):
    p = problem(advection, lengthen(prior(markov(5)), 12), mask="random:0.2", background=0.3)
    expected = gaussian(replace(p, prior=prior(markov(12)))).mean
    torch.testing.assert_close(solved(p)[0], expected, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_trained_prior_denoises_thirty_days_as_well_as_it_says(sigma):
    system = SYSTEMS["qg64"]()
    found = lengthen(load_prior("qg64", system), LONG)
    truth = torch.stack([draw_truth("model", system, LONG, seed) for seed in (0, 1)])
    noise = sigma * torch.randn(truth.shape, generator=stream(sigma))
    squares = (found.denoise(truth + noise, sigma) - truth).square().mean((0, 2, 3, 4))
    promised = found.error_covariance(sigma).variance().mean()
    assert squares.mean().sqrt() == pytest.approx(float(promised.sqrt()), rel=0.1)
    assert squares[20:].mean() < 1.3 * squares[:10].mean(), "errors do not grow with time"
