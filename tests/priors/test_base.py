"""Priors of a user: what a short subclass can do."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.methods import METHODS
from dalab.priors import Prior
from dalab.random import stream
from tests.dense import matrix
from tests.methods.worlds import last, problem


class Mine(Prior):
    """A denoiser and a covariance, nothing else."""

    def __init__(self, inner):
        super().__init__("mine", inner.window)
        self.inner = inner

    def denoise(self, x, sigma):
        return self.inner.denoise(x, sigma)

    @property
    def climatological_covariance(self):
        return self.inner.climatological_covariance


@pytest.mark.parametrize("sigma", [0.02, 1.0, 20.0])
def test_the_error_of_a_gaussian_is_the_default(tiny_prior, sigma):
    found, expected = (p.error_covariance(sigma) for p in (Mine(tiny_prior), tiny_prior))
    torch.testing.assert_close(found.matrices, expected.matrices, rtol=1e-9, atol=1e-12)


def test_the_default_bounds_the_error_of_every_conditional_mean(tiny_prior):
    """Of a mixture of a wide and a narrow Gaussian, by the law of total covariance."""
    sigma, C = 0.7, tiny_prior.climatological_covariance
    mixed = (C * 0.2).matrices + (C * 1.8).matrices
    bound = matrix(type(C)(mixed / 2, C.window).denoising_error(sigma), C.window)
    known = sum(matrix((C * w).denoising_error(sigma), C.window) for w in (0.2, 1.8)) / 2
    assert torch.linalg.eigvalsh(bound - known).min() > -1e-10


@pytest.mark.parametrize("method", ["spectral", "dps", "mmps", "oi", "letkf", "climatology"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_methods_take_it(tiny_system, tiny_prior, method, dtype):
    """Whatever the precision of its covariance."""
    p = problem(tiny_system, tiny_prior)
    p = replace(p, prior=Mine(tiny_prior), data=p.data.to(dtype))
    estimate = last(METHODS[method](), p, 2, seed=1).estimate
    assert estimate.shape[1:] == tiny_prior.window and estimate.isfinite().all()


def test_it_is_an_azula_denoiser(tiny_prior):
    prior = Mine(tiny_prior)
    x = torch.randn(2, *prior.window, generator=stream(0), dtype=torch.float64)
    torch.testing.assert_close(prior(x, prior.time(0.7)).mean, prior.denoise(x, 0.7))
