"""Augmented windows: what their channels are, and their exact covariance."""

from __future__ import annotations

import pytest
import torch

from dalab.errors import InputError
from dalab.observations import OPERATORS
from dalab.priors import GaussianPrior
from dalab.priors.denoisers.augmented import Channels, gaussian_augmented
from dalab.priors.loading import load_augmented
from dalab.random import stream
from tests.dense import matrix

TEXTS = ("arctan", "sine", "velocity")


@pytest.fixture(scope="module")
def operators(tiny_system):
    return [OPERATORS[text](tiny_system) for text in TEXTS]


@pytest.fixture(scope="module")
def channels(tiny_system):
    return Channels.of(tiny_system, TEXTS)


def test_channels_of_the_full_model(channels):
    assert channels.total == 10 and channels.sizes == (2, 2, 4)
    parts = [channels.part(text) for text in ("identity", *TEXTS)]
    assert [(p.start, p.stop) for p in parts] == [(0, 2), (2, 4), (4, 6), (6, 10)]


@pytest.mark.parametrize("text", ["arctan:slope=2.0", "velocity:form=physical", "speed"])
def test_an_operator_with_other_options_is_another_operator(tiny_system, channels, text):
    asked = Channels.of(tiny_system, (text,)).operators[0]
    with pytest.raises(InputError, match="must be one of the augmented prior"):
        channels.part(asked)


def test_augmenting_applies_every_operator_on_the_whole_grid(channels, operators):
    window = torch.randn(4, 3, 2, 8, 8, generator=stream(0), dtype=torch.float64)
    z = channels.augment(window, operators)
    assert z.shape == (4, 3, 10, 8, 8)
    assert torch.equal(z[:, :, :2], window)
    for text, operator in zip(TEXTS, operators, strict=True):
        assert torch.equal(z[:, :, channels.part(text)], operator(window))


def test_covariance_of_linear_operators_is_exact(tiny_prior, tiny_system):
    operators = [OPERATORS[text](tiny_system) for text in ("velocity", "identity")]
    prior = gaussian_augmented(tiny_prior, operators)
    C = matrix(tiny_prior.climatological_covariance, tiny_prior.window)
    A = matrix(lambda x: prior.channels.augment(x, operators), tiny_prior.window)
    found = matrix(prior.climatological_covariance, prior.window)
    torch.testing.assert_close(found, A @ C @ A.T, rtol=1e-8, atol=1e-8)


def test_covariance_of_curved_operators_is_that_of_draws(tiny_prior, operators):
    prior = gaussian_augmented(tiny_prior, operators)
    count = 3000
    normal = torch.randn(count, *tiny_prior.window, generator=stream(1), dtype=torch.float64)
    z = prior.channels.augment(tiny_prior.climatological_covariance.sample(normal), operators)
    found = matrix(prior.climatological_covariance, prior.window).reshape(3, 10, 64, 3, 10, 64)
    for other in (0, 1, 9):  # cells right beside, and diagonally
        a, b = z[..., 0, 0].flatten(1), z.flatten(-2)[..., other].flatten(1)
        expected = found[:, :, 0, :, :, other].reshape(30, 30)
        error = (a.T @ b / count - expected) / (a.std(0)[:, None] * b.std(0))
        assert error.abs().max() < 5 / count**0.5


def test_sine_in_closed_form(tiny_system):
    """Of one number: Var = 1.125 (1 - exp(-18 v)), Cov with x = 4.5 v exp(-4.5 v)."""
    v = 0.8
    one = GaussianPrior(torch.full((1, 1, 1, 1), v, dtype=torch.complex128), (1, 1, 1, 1))
    prior = gaussian_augmented(one, [OPERATORS["sine"](tiny_system)])
    C = prior.climatological_covariance.matrices.real[0, 0]
    damp = torch.tensor(-4.5 * v, dtype=torch.float64).exp()
    expected = torch.stack([torch.tensor(v), 4.5 * v * damp, 1.125 * (1 - damp**4)])
    torch.testing.assert_close(
        torch.stack([C[0, 0], C[0, 1], C[1, 1]]), expected.to(C), rtol=1e-6, atol=1e-8
    )


def test_denoiser_is_the_best_linear_one(tiny_prior, operators):
    prior = gaussian_augmented(tiny_prior, operators[:1])
    C = matrix(prior.climatological_covariance, prior.window)
    x = torch.randn(1, *prior.window, generator=stream(2), dtype=torch.float64)
    expected = C @ torch.linalg.solve(C + 0.09 * torch.eye(len(C)).to(C), x.flatten())
    torch.testing.assert_close(prior.denoise(x, 0.3).flatten(), expected, rtol=1e-7, atol=1e-8)


def test_an_operator_of_neither_kind_is_refused(tiny_prior, tiny_system):
    with pytest.raises(InputError, match="must be translation invariant, or elementwise and odd"):
        gaussian_augmented(tiny_prior, [OPERATORS["speed"](tiny_system)])


def test_an_unknown_augmented_prior_names_the_remedy(tiny_system):
    with pytest.raises(InputError, match="is not bundled for tiny. Use prior gaussian"):
        load_augmented("residual", tiny_system, ("arctan",))
