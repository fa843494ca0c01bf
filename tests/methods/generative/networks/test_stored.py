"""Networks go from a recipe to a file, and from the file into an experiment that they fit."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from dalab import execute
from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.methods.generative.networks.observing import observing_network
from dalab.methods.generative.networks.recipe import NetworkRecipe
from dalab.methods.generative.networks.stored import load_network, probe
from dalab.methods.generative.training.network_training import NetworkTraining
from dalab.systems import SYSTEMS

RECIPE = NetworkRecipe(
    name="tiny", method="masf", system="lorenz96", data="climate:16x8", masks=("stride:2",),
    noise=0.3, widths=(16,), depths=(1,), steps=6, batch=8, held_out=8, checkpoint_every=2,
)
CPU = torch.device("cpu")
SEEN = {
    "system": "lorenz96", "operators": ["identity"], "masks": ["stride:2"], "noise": 0.3,
    "cycles": 3, "members": 4,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    training = NetworkTraining(RECIPE, tmp_path_factory.mktemp("trained"), CPU)
    steps = list(training.run())
    assert [step.step for step in steps] == list(range(1, 7))
    return training, *training.finish()


def test_a_file_holds_what_was_trained(trained):
    training, path, stored = trained
    loaded = load_network(str(path))
    assert loaded.name == "tiny" and loaded.method == "masf" and loaded.system == "lorenz96"
    assert loaded.validation == stored.validation and len(loaded.validation) == 7
    assert loaded.observations == "identity, mask stride:2, noise 0.3, seed 0"
    x, level = torch.randn(3, 1, 1, 40), torch.ones(3)
    with torch.no_grad():
        before, after = training.network.eval()(x, level), loaded.network(x, level)
    assert torch.allclose(before, after, atol=0.02), "half precision"
    assert torch.equal(loaded.network.observed, training.network.observed)


def test_a_training_goes_on_where_it_stopped(trained, tmp_path):
    training = NetworkTraining(RECIPE, tmp_path, CPU)
    steps = training.run()
    for _ in range(3):
        next(steps)
    steps.close()
    resumed = NetworkTraining(RECIPE, tmp_path, CPU)
    list(resumed.run())
    whole = trained[0].network.state_dict()
    for name, value in resumed.network.state_dict().items():
        assert torch.equal(value, whole[name]), name


@pytest.mark.parametrize("changes, reason", [
    ({"noise": 0.2}, "other observations"),
    ({"masks": ["stride:4"]}, "other observations"),
    ({"masks": ["random:0.5"]}, "other observations"),
    ({"operators": ["arctan"], "methods": ["masf:sampler=nonlinear"]}, "is for masf"),
    ({"system": "lorenz96:d=44"}, "is about lorenz96"),
])  # fmt: skip
def test_an_experiment_that_it_does_not_fit_is_refused(trained, changes, reason):
    method = changes.get("methods", ["masf"])[0]
    text = f"{method}{',' if ':' in method else ':'}score=network,network={trained[1]}"
    with pytest.raises(InputError, match=reason):
        execute(Config(**{**SEEN, **changes, "methods": [text]}))


@pytest.mark.parametrize("sampler", ["bridge", "guided"])
def test_a_filter_runs_with_it(trained, sampler):
    options = f"sampler={sampler},steps=40,finetune=2,members=4"
    text = f"masf:score=network,network={trained[1]},{options}"
    result = execute(Config(**SEEN, methods=[text]))
    assert result.attrs["status"] == "complete"


def test_a_new_network_learns_from_the_members_alone():
    text = "masf:score=network,network=new,steps=5,finetune=2,members=4"
    result = execute(Config(**SEEN, methods=[text]))
    assert result.attrs["status"] == "complete"


def test_without_a_network_that_fits_there_is_a_way_out():
    with pytest.raises(InputError, match="dalab train"):
        execute(Config(**{**SEEN, "noise": 0.37}, methods=["masf:score=network"]))


def test_a_damaged_file_is_refused(trained, tmp_path):
    content = bytearray(trained[1].read_bytes())
    content[-9] ^= 64
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    with pytest.raises(InputError, match="checksum"):
        load_network(str(damaged))


@pytest.mark.parametrize("change, wrong", [
    ({"method": "letkf"}, "method"), ({"noise": 0.0}, "noise"), ({"widths": (8, 8)}, "depths"),
    ({"steps": 0}, "steps"),
])  # fmt: skip
def test_a_wrong_recipe_is_refused(change, wrong):
    with pytest.raises(InputError, match=wrong):
        NetworkRecipe.from_dict({**RECIPE.to_dict(), **change})


def test_masks_and_noise_are_in_what_is_compared():
    system = SYSTEMS.make("lorenz96")
    first = probe(system, observing_network(RECIPE, system))
    assert first.shape == (40,), "twenty values, twenty errors"
    shifted = dataclasses.replace(RECIPE, masks=("points:[(0,1)]",))
    assert probe(system, observing_network(shifted, system)).shape == (2,)


@pytest.mark.parametrize("changes, options", [
    ({"method": "masf-nonlinear", "operators": ("arctan",), "masks": ("full",)},
     "masf:sampler=nonlinear,steps=60"),
    ({"method": "sf"}, "sf:steps=100"),
])  # fmt: skip
def test_the_other_kinds_of_networks_run_too(tmp_path, changes, options):
    recipe = dataclasses.replace(RECIPE, steps=40, **changes)
    training = NetworkTraining(recipe, tmp_path, CPU)
    list(training.run())
    path, stored = training.finish()
    assert stored.network.architecture.heads == (2 if "nonlinear" in recipe.method else 1)
    seen = {"operators": list(recipe.operators), "masks": list(recipe.masks)}
    text = f"{options},score=network,network={path},finetune=2,members=4"
    result = execute(Config(**{**SEEN, **seen, "methods": [text]}))
    assert result.attrs["status"] == "complete"
    assert float(result["metrics/rmse_mean"].values[0]) < 2.0


def test_a_filter_without_networks_says_so():
    with pytest.raises(InputError, match="must be of the ensemble for ssls"):
        execute(Config(**SEEN, methods=["ssls:score=network"]))
