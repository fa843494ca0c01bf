"""The Gaussian prior: exact denoising, Tweedie's formula, and the bundled one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from dalab.errors import InputError
from dalab.priors import GaussianPrior
from dalab.priors.covariance import estimate
from dalab.priors.loading import load_prior
from dalab.priors.training.climatology import estimate_gaussian
from dalab.random import MemberStreams, stream
from dalab.systems import SYSTEMS, Lorenz96
from tests.dense import matrix


def window(prior, *lead: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*lead, *prior.window, generator=stream(seed), dtype=torch.float64)


@pytest.mark.parametrize("sigma", [0.05, 1.0, 20.0])
def test_denoiser_is_the_conditional_mean(tiny_prior, sigma):
    C = matrix(tiny_prior.climatological_covariance, tiny_prior.window)
    x = window(tiny_prior, 2)
    gain = C @ torch.linalg.inv(C + sigma**2 * torch.eye(len(C), dtype=C.dtype))
    found = tiny_prior.denoise(x, sigma).flatten(1)
    torch.testing.assert_close(found, x.flatten(1) @ gain.T, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("sigma", [0.05, 1.0, 20.0])
def test_tweedie(tiny_prior, sigma):
    """sigma^2 times the transposed Jacobian of the denoiser is the error covariance."""
    x, v = window(tiny_prior, 2), window(tiny_prior, 2, seed=1)
    _, vjp = torch.func.vjp(lambda z: tiny_prior.denoise(z, sigma), x)
    expected = tiny_prior.error_covariance(sigma)(v)
    torch.testing.assert_close(sigma**2 * vjp(v)[0], expected, rtol=1e-8, atol=1e-10)


def test_azula_sees_the_same_denoiser(tiny_prior):
    x = window(tiny_prior, 2)
    t = tiny_prior.time(0.7)
    torch.testing.assert_close(tiny_prior(x, t).mean, tiny_prior.denoise(x, 0.7))


@pytest.mark.parametrize("name", ["auto", "gaussian", "qg64"])
def test_bundled_prior_denoises_held_out_states_as_well_as_it_says(name):
    """On bundled states, which the covariance has never seen, over single-time marginals."""
    from dalab.systems.library import load_states

    system = SYSTEMS["qg64"]()
    prior = load_prior(name, system)
    prior.check(system, 9)
    truth = load_states("qg64")[:6]
    windows = system.trajectory(truth, 9)
    for sigma in (0.1, 0.5, 2.0):
        noise = sigma * torch.randn(windows.shape, generator=stream(sigma))
        error = (prior.denoise(windows + noise, sigma) - windows).pow(2).mean().sqrt()
        promised = prior.error_covariance(sigma).variance().mean().sqrt()
        assert error == pytest.approx(float(promised), rel=0.08)


def test_bundled_climatology_has_unit_variance():
    prior = load_prior("gaussian", SYSTEMS["qg64"]())
    variance = prior.climatological_covariance.variance()
    torch.testing.assert_close(variance, torch.ones_like(variance), rtol=0.03, atol=0)


def test_draws_look_like_the_climate():
    prior = load_prior("gaussian", SYSTEMS["qg64"]())
    draws = prior.sample_climatology(MemberStreams(0, 12))
    assert draws.shape == (12, *prior.window)
    assert draws.std() == pytest.approx(1.0, abs=0.05)


def test_wrong_system_or_window_is_named():
    prior = load_prior("gaussian", SYSTEMS["qg64"]())
    with pytest.raises(InputError, match=r"\(9, 2, 64, 64\).*\(5, 2, 64, 64\).*Choose"):
        prior.check(SYSTEMS["qg64"](), 5)


def test_system_without_a_prior_names_the_command_that_makes_one(tiny_system):
    with pytest.raises(InputError, match="tiny.*dalab climatology tiny"):
        load_prior("gaussian", tiny_system)


class TestFit:
    def test_a_known_covariance_is_recovered(self, tiny_prior):
        """From 6000 windows: each entry within about sqrt(1 / 6000), all within 5 per cent."""
        cov = tiny_prior.climatological_covariance
        prior = GaussianPrior.fit(cov.sample(window(tiny_prior, 6000, seed=4)), "mine")
        assert prior.name == "mine" and prior.window == tiny_prior.window
        assert (prior.matrices() - cov.matrices).norm() < 0.05 * cov.matrices.norm()

    def test_white_windows_shrink(self, tiny_prior):
        """The denoiser of white windows is 1 / (1 + s^2), within the error of its eigenvalues."""
        prior = GaussianPrior.fit(window(tiny_prior, 20_000, seed=5))
        x = window(tiny_prior, 3)
        error = (prior.denoise(x, 1.0) - x / 2).square().mean().sqrt()
        assert error < 2 * (6 / 20_000) ** 0.5 / 4  # gains w / (1 + w) of c = 6 fields

    @pytest.mark.parametrize("mirror", [False, True])
    def test_it_is_the_estimate_to_the_bit(self, tiny_prior, mirror):
        windows = window(tiny_prior, 50, seed=6)
        expected = GaussianPrior(estimate(windows, mirror=mirror), tiny_prior.window)
        found = GaussianPrior.fit(windows, mirror=mirror)
        assert torch.equal(found.eigenvalues, expected.eigenvalues)
        assert torch.equal(found.eigenvectors, expected.eigenvectors)
        single = GaussianPrior.fit(windows.float(), mirror=mirror)
        x = windows[:2].float()
        assert single.denoise(x, 1.0).dtype == torch.float32

    def test_it_is_what_systems_with_a_climate_get_to_the_bit(self):
        system = SYSTEMS["lorenz63"]()
        generator = stream(0, "climatology", system.name)
        states = system.trajectory(system.sample_climate(256, generator), 72, generator)
        found = GaussianPrior.fit(states.reshape(-1, 9, *system.shape)).float()
        expected = estimate_gaussian(system)
        assert torch.equal(found.eigenvalues, expected.eigenvalues)
        assert torch.equal(found.eigenvectors, expected.eigenvectors)

    @pytest.mark.parametrize(
        ("windows", "match"),
        [
            (torch.zeros(10, 3, 8, 8), r"\(10, 3, 8, 8\).*\(count, time, lev, y, x\)"),
            (torch.zeros(10, 3, 2, 8, 8, dtype=torch.int64), "must be floating-point"),
            (torch.zeros(5, 3, 2, 8, 8), "number of windows = 5: must be at least 6"),
            (torch.full((10, 3, 2, 8, 8), torch.nan), "3840 values that are not finite"),
        ],
    )
    def test_unfit_windows_are_refused(self, windows, match):
        with pytest.raises(InputError, match=match):
            GaussianPrior.fit(windows)


def test_a_large_system_takes_fewer_trajectories_and_a_huge_one_is_refused(monkeypatch):
    asked = []

    def draw(self, count, generator):
        asked.append((self.shape[-1], count))
        return torch.randn(count, *self.shape, generator=generator, dtype=torch.float64)

    monkeypatch.setattr(Lorenz96, "sample_climate", draw)
    for d in (40, 1024, 8192):
        estimate_gaussian(Lorenz96(d=d), windows=1)
    assert asked == [(40, 256), (1024, 256), (8192, 32)]
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=2**30))
    with pytest.raises(InputError, match="size of lorenz96:d=1000000 .* 12.9 GB .* 1 are"):
        estimate_gaussian(Lorenz96(d=10**6))
    assert len(asked) == 3
