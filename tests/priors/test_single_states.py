"""Trained priors of single states: their network, their files, and what they are chosen for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from dalab.priors import PRIORS, WEIGHTS
from dalab.priors.denoisers.composed import lengthen
from dalab.priors.files.bundled import state_names, trained_names
from dalab.priors.files.header import Header
from dalab.priors.files.recipe import Recipe
from dalab.priors.files.trained import kernel_size, make_network
from dalab.priors.loading import load_prior
from dalab.priors.training.pipeline import Training
from dalab.systems import SYSTEMS

SMALL = Recipe(
    name="small", system="lorenz63-daisi", data="climate:16x30", window=1, widths=(16,),
    depths=(1,), steps=10, batch=8, held_out=16, warmup=2, autocast=False,
)
LORENZ = SYSTEMS.make("lorenz63-daisi")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Training, Path]:
    training = Training(SMALL, tmp_path_factory.mktemp("state"), torch.device("cpu"))
    for _ in training.run():
        pass
    return training, training.finish()[0]


def test_a_single_state_has_neither_smoother_nor_coupling(trained):
    prior = trained[0].prior
    assert prior.window == (1, 3, 1, 1)
    assert prior.smoother is None and prior.coupling is None and prior.forecast is None


def test_its_file_denoises_as_the_prior_does(trained):
    training, path = trained
    loaded, x = load_prior(str(path), LORENZ), training.test
    noisy = x + 0.5 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    expected = training.prior.denoise(noisy, 0.5)
    torch.testing.assert_close(loaded.denoise(noisy, 0.5), expected, atol=2e-3, rtol=2e-3)


def test_windows_of_several_states_are_composed_of_independent_ones(trained):
    prior = load_prior(str(trained[1]), LORENZ)
    x = torch.randn(2, 4, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    alone = torch.stack([prior.denoise(x[:, i : i + 1], 0.5) for i in range(4)], 1).squeeze(2)
    torch.testing.assert_close(lengthen(prior, 4).denoise(x, 0.5), alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "window, size", [((1, 3, 1, 1), 1), ((9, 3, 1, 1), 3), ((1, 1, 1, 40), 3), ((1, 2, 64, 64), 3)]
)
def test_only_a_single_cell_has_kernels_of_one(window, size):
    assert kernel_size(window) == size
    network = make_network(dataclasses.replace(SMALL, window=window[0]), window, 2)
    assert {kernel.shape[1] for kernel in network.kernels()[:-1]} == {16 * size**2}


def test_they_are_no_priors_of_windows_but_are_listed():
    assert not set(state_names()) & set(trained_names())
    assert set(state_names()) <= set(PRIORS)


@pytest.mark.parametrize("name", state_names())
def test_the_bundled_ones_are_small_and_about_single_states(name):
    header = Header.read(WEIGHTS / f"{name}.safetensors")
    assert name == header.name == f"{header.system}-state" and header.window[0] == 1
    assert "single states of" in PRIORS[name].summary()
    assert (WEIGHTS / f"{name}.safetensors").stat().st_size <= 12 * 2**20
