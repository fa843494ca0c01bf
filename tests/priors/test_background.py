"""A denoiser that knows a background: exact where everything is linear, honest about its errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dalab.errors import InputError
from dalab.priors.covariance import estimate
from dalab.priors.denoisers.background import (
    N_FEATURES,
    STDS,
    BackgroundConditional,
    widen_network,
)
from dalab.priors.denoisers.forecast import Forecast
from dalab.priors.denoisers.residual import BackgroundConditionalPrior, ResidualPrior
from dalab.priors.denoisers.smoother import TwoFilterSmoother
from dalab.priors.denoisers.unet import UNet
from dalab.priors.files.recipe import Recipe
from dalab.priors.files.trained import load_trained
from dalab.priors.gaussian import GaussianPrior
from dalab.priors.loading import load_prior
from dalab.priors.training.pipeline import Training
from dalab.random import stream
from dalab.systems import SYSTEMS
from dalab.systems.library import load_states
from tests.dense import posterior
from tests.priors.test_trained import rewritten
from tests.rolling import SITES, TIME, propagate, windows

WINDOW, SIGMA, STD = (TIME, 1, 1, SITES), 0.5, 0.2
SMALL = Recipe(
    name="small", system="lorenz96", data="climate:8x30", window=4, widths=(8,), depths=(1,),
    steps=3, background_steps=4, batch=4, fit_windows=32, checkpoint_every=2, held_out=24, warmup=0,
    autocast=False,
)
LORENZ = SYSTEMS["lorenz96"]()


def ahead(states: torch.Tensor, length: int) -> torch.Tensor:
    return torch.stack([states.roll(k, -1) for k in range(length)], 1)


def network(features: int, levels: int) -> UNet:
    return UNet(features * TIME, TIME, widths=(8,), depths=(1,), patch=1, levels=levels)


@pytest.fixture(scope="module")
def moving() -> ResidualPrior:
    """The prior of a flow that moves everything by one site a step; its networks say nothing."""
    clean = windows(4000, 0, smooth=True)
    gaussian = GaussianPrior(estimate(clean), WINDOW)
    smoother = TwoFilterSmoother(WINDOW, propagate, (0.1, SIGMA)).double()
    forecast = Forecast(WINDOW, ahead, (0.1, STD)).double()
    conditional = BackgroundConditional(WINDOW, network(N_FEATURES, 2), (0.1, SIGMA)).double()
    generator = torch.Generator().manual_seed(1)
    noisy = clean + SIGMA * torch.randn(clean.shape, generator=generator, dtype=clean.dtype)
    smoother.fit_level(1, noisy, clean, gaussian.denoise(noisy, SIGMA))
    levels = torch.full((len(clean),), SIGMA, dtype=clean.dtype)
    smoothed, _ = smoother(noisy, levels, gaussian.denoise(noisy, SIGMA))
    conditional.fit_level(1, noisy, clean, smoothed)
    noise = torch.randn(clean[:, 0].shape, generator=generator, dtype=clean.dtype)
    forecast.fit_level(1, clean, noise)
    return ResidualPrior(
        "moving", gaussian, network(5, 1).double(), smoother, None, None, forecast, False,
        background_conditional=conditional,
    ).requires_grad_(False)


def test_it_starts_from_the_exact_answer_of_a_linear_flow(moving):
    clean = windows(1, 9, smooth=True)
    generator = torch.Generator().manual_seed(2)
    noisy = clean + SIGMA * torch.randn(clean.shape, generator=generator, dtype=clean.dtype)
    noise = torch.randn(clean[0, 0].shape, generator=generator, dtype=clean.dtype)
    background = clean[0, 0] + STD * noise
    known = moving.conditioned_on(background, STD)
    assert isinstance(known, BackgroundConditionalPrior)

    C = torch.cov(windows(20000, 0, smooth=True).flatten(1).T)
    eye = torch.eye(len(C), dtype=C.dtype)
    mean, _ = posterior(
        torch.zeros_like(C[0]), C, torch.cat([eye, eye[:SITES]]),
        torch.cat([torch.full_like(C[0], SIGMA**2), torch.full_like(C[0, :SITES], STD**2)]),
        torch.cat([noisy.flatten(), background.flatten()]),
    )
    found = known.denoise(noisy, SIGMA).flatten()
    # the carried background is counted with the floor of its error at every step
    assert (found - mean).norm() < 0.05 * mean.norm()
    without = moving.denoise(noisy, SIGMA).flatten()
    assert (found - mean).norm() < 0.2 * (without - mean).norm()


def test_what_only_it_sees_has_no_weight_at_first():
    old, new = network(5, 1), network(N_FEATURES, 2)
    for parameter in old.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(3))
    widen_network(new, old, TIME)
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(2, TIME, N_FEATURES, 1, 8, generator=generator)
    sigma = torch.tensor([0.2, 1.0])
    expected = old(features[:, :, :5].flatten(1, 2), sigma)
    for std in (0.05, 0.3):
        levels = torch.stack([sigma, torch.full((2,), std)], -1)
        torch.testing.assert_close(new(features.flatten(1, 2), levels), expected)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Training, Path]:
    training = Training(SMALL, tmp_path_factory.mktemp("conditional"), torch.device("cpu"))
    steps = [step.step for step in training.run()]
    assert steps == [1, 2, 3, 4, 5, 6, 7]
    return training, training.finish()[0]


@pytest.mark.parametrize("stop_after", [2, 5])
def test_a_stopped_training_goes_on(trained, tmp_path, stop_after):
    def train() -> Training:
        training = Training(SMALL, tmp_path, torch.device("cpu"))
        for step in training.run():
            if step.step == stop_after:
                break
        return training

    train()
    stop_after = None
    for name, value in train().prior.background_conditional.state_dict().items():
        expected = trained[0].prior.background_conditional.state_dict()[name]
        if not name.startswith("errors"):  # measured at the end
            torch.testing.assert_close(value, expected, msg=name)


def test_the_file_knows_backgrounds_as_the_trained_prior_did(trained):
    training, path = trained
    x = training.test[:2]
    generator = torch.Generator().manual_seed(0)
    noisy = x + 0.4 * torch.randn(x.shape, generator=generator)
    before, after = (
        p.conditioned_on(x[0, 0] + 0.1, 0.1).denoise(noisy, 0.4)
        for p in (training.prior, load_prior(str(path), LORENZ))
    )
    assert (before - after).abs().max() < 2e-3 * before.abs().max()  # half precision


def test_a_file_without_its_network_is_refused(trained, tmp_path):
    name = "informed.network.stem.weight"  # the name that the file format has
    path = rewritten(trained[1], tmp_path / "odd.safetensors", drop=(name,))
    with pytest.raises(InputError, match=f"must hold the tensor {name}"):
        load_trained(path, LORENZ)


def test_errors_beyond_the_tables_are_left_to_them(trained):
    prior = trained[0].prior
    state = trained[0].test[0, 0]
    for std, known in ((0.9 * STDS[0], False), (STDS[0], True), (1.1 * STDS[-1], False)):
        assert (prior.conditioned_on(state, std) is not None) == known
    without = replace(SMALL, background_steps=0)
    none = Training(without, trained[1].parent / "none", torch.device("cpu")).prior
    assert none.conditioned_on(state, 0.1) is None


@pytest.mark.parametrize("sigma", [0.1, 0.5, 20.0])
def test_the_bundled_one_errs_less_than_the_table_and_as_much_as_it_says(sigma):
    system = SYSTEMS["qg64"]()
    prior = load_prior("qg64", system)
    errors, table = [], []
    for i, state in enumerate(load_states("qg64")[:8]):
        truth = system.trajectory(system.step(state, 4), prior.window[0])
        background = truth[0] + 0.1 * torch.randn(state.shape, generator=stream(i, "b"))
        noisy = (truth + sigma * torch.randn(truth.shape, generator=stream(i, "n")))[None]
        known = prior.conditioned_on(background, 0.1)
        errors.append((known.denoise(noisy, sigma) - truth).square().mean())
        observation = prior.background_observation(background, 0.1)
        by_table = prior.error_covariance(sigma).condition_on(observation)
        table.append((by_table.mean(prior.denoise(noisy, sigma)) - truth).square().mean())
    found, expected = (torch.stack(e).mean().sqrt() for e in (errors, table))
    assert found < 0.99 * expected if sigma > 0.2 else found < 1.02 * expected
    promised = known.error_covariance(sigma).variance().mean().sqrt()
    assert found == pytest.approx(float(promised), rel=0.1)
