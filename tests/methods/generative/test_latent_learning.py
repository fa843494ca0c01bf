"""Learning of latent spaces: the networks, their training, and the files that they are kept in."""

from __future__ import annotations

import errno
import math
import threading
import time
from dataclasses import replace

import pytest
import torch

from dalab.experiments.run import Run
from dalab.interruption import Interrupted, interruptible
from dalab.methods.generative.latent import cache, climate, learning
from dalab.methods.generative.latent.autoencoder import Observed
from dalab.methods.generative.latent.learning import Recipe, learn
from dalab.methods.generative.latent.networks import (
    Autoencoder,
    coarse_grid,
    cut,
    initialised,
    join,
    patch_of,
)
from dalab.notes import listening
from dalab.observations import MASKS, OPERATORS, network
from dalab.options import build
from dalab.random import stream
from dalab.systems import SYSTEMS

SMALL = Recipe(
    space="autoencoder", size=None, explained=0.99, states=200, width=16, iterations=40, seed=0
)
POD = replace(SMALL, space="pod")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder of kept spaces, and none in memory."""
    monkeypatch.setenv("DALAB_CACHE", str(tmp_path))
    cache.forget()
    yield tmp_path / "latent"
    cache.forget()


@pytest.fixture(scope="module")
def ring():
    return SYSTEMS.make("ring:d=16,width=3")


def observed(system, mask="random:0.5", noise=0.3, operator="identity"):
    cells = build("mask", mask, MASKS).cells(1, system.shape[-2:], stream(0, "mask"))
    return network(OPERATORS[operator](system), mask=cells, noise=noise).realise()


def numbers(space):
    return {**space.tensors(), **learning._of_error(space)}


def assert_same(one, other):
    assert numbers(one).keys() == numbers(other).keys()
    assert all(torch.equal(value, numbers(other)[name]) for name, value in numbers(one).items())
    assert one.explained == other.explained


# --- networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape, patch", [
    ((3, 1, 1), (1, 1)), ((1, 1, 40), (1, 2)), ((1, 1, 15), (1, 1)), ((2, 8, 8), (1, 1)),
    ((2, 64, 64), (8, 8)), ((2, 24, 32), (2, 4)),
])
def test_patches_fit_the_grid_and_leave_a_grid(shape, patch):
    assert patch_of(shape) == patch
    assert all(n % f == 0 for n, f in zip(shape[1:], patch, strict=True))


def test_patches_are_cut_and_joined():
    x = torch.randn(3, 2, 8, 12, generator=stream(0))
    parts = cut(x, (2, 4))
    assert parts.shape == (3, 16, 4, 3)
    assert torch.equal(parts[0, :8, 1, 2].reshape(2, 4), x[0, 0, 2:4, 8:12])
    assert torch.equal(join(parts, (2, 4)), x)


def made(shape, channels=3, observed=0, width=8):
    with torch.device("meta"):
        model = Autoencoder(shape, channels, width, observed)
    return initialised(model, stream(1))


@pytest.mark.parametrize("shape", [(2, 16, 16), (1, 1, 40), (3, 1, 1)])
def test_a_shifted_state_has_a_shifted_latent_state(shape):
    model = made(shape)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=stream(2))
        x = torch.randn(4, *shape, generator=stream(3))
        steps = [f * 3 % n for f, n in zip(patch_of(shape), shape[1:], strict=True)]
        coarse = [s // f for s, f in zip(steps, patch_of(shape), strict=True)]
        latent, shifted = (
            model.encode(one)[0].unflatten(1, model.latent) for one in (x, x.roll(steps, (-2, -1)))
        )
        torch.testing.assert_close(shifted, latent.roll(coarse, (-2, -1)), rtol=1e-4, atol=1e-5)
        back = model.decode(latent.roll(coarse, (-2, -1)).flatten(1))
        decoded = model.decode(latent.flatten(1)).roll(steps, (-2, -1))
        torch.testing.assert_close(back, decoded, rtol=1e-4, atol=1e-5)


def test_numbers_of_a_network_come_from_its_generator_alone():
    before = torch.random.get_rng_state()
    one, other = made((1, 1, 40)), made((1, 1, 40))
    assert torch.equal(before, torch.random.get_rng_state())
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b) and a.isfinite().all()


def test_observations_are_shown_as_fields_beside_their_mask(ring):
    net = observed(ring)
    data = torch.arange(1.0, 2 * net.size + 1).reshape(2, -1)
    fields = Observed(net, torch.tensor([2.0])).fields(data)
    mask = net.instruments[0].mask[0]
    assert fields.shape == (2, 2, 1, 16)
    assert torch.equal(fields[:, 1, mask], torch.ones(2, net.size))
    assert torch.equal(fields[:, 0, mask], data / 2)
    assert (fields[:, :, ~mask] == 0).all()


# --- learning -------------------------------------------------------------------------------------


def test_states_are_of_the_climate_and_the_same_again(ring):
    states = climate.climate_states(ring, 2000, 3)
    assert torch.equal(states, climate.climate_states(ring, 2000, 3))
    assert not torch.equal(states, climate.climate_states(ring, 2000, 4))
    assert float(states.var()) == pytest.approx(1.0, abs=0.1) and states.dtype == torch.float64


def test_states_of_large_systems_are_taken_from_trajectories(ring, monkeypatch):
    monkeypatch.setattr(climate, "SMALL", 8)
    states = climate.climate_states(ring, 40, 3).unflatten(0, (-1, 2))
    torch.testing.assert_close(states[:, 1], ring.step(states[:, 0], climate.APART))
    assert climate.climate_states(ring, 33, 3).shape[0] == 33
    assert states.dtype == torch.float32


@pytest.mark.slow
def test_an_autoencoder_learns_states_and_what_observations_say_of_them(ring):
    net = observed(ring)
    space = learn(ring, net, replace(SMALL, states=500, iterations=300))
    assert space.size == 16 and space.explained > 0.95
    assert space.error.difference.mean() < 0.8 and space.error.slope.mean() > 0.5
    states = climate.climate_states(ring, 200, 99)
    latent = space.encode(states)
    assert latent.mean(0).abs().max() < 0.3
    assert latent.std(0).sub(1).abs().max() < 0.3
    data = net.apply(states.unsqueeze(-4))
    error = (space.decode(space.encode_observations(data)) - states).square().mean().sqrt()
    assert error < 0.5  # of a climate of one, half of whose sites are observed
    assert latent.dtype == error.dtype == torch.float64


@pytest.mark.parametrize("name", ["lorenz63", "lorenz96:d=8"])
@pytest.mark.parametrize("operator", ["identity", "arctan"])
def test_spaces_of_points_and_rings_are_learnt(name, operator):
    system = SYSTEMS.make(name)
    space = learn(system, observed(system, "full", operator=operator), SMALL)
    x = climate.climate_states(system, 6, 1).reshape(2, 3, *system.shape)
    assert space.encode(x).shape == (2, 3, space.size)
    assert space.decode(space.encode(x)).shape == x.shape
    assert space.explained > 0


def test_observations_improve_with_their_accuracy(ring):
    sharp, dull = (
        learn(ring, observed(ring, noise=std), POD).error.difference.mean() for std in (0.1, 2.0)
    )
    assert sharp < 0.8 * dull


@pytest.mark.parametrize("recipe", [SMALL, POD])
def test_learning_is_the_same_to_the_bit_again(ring, recipe, monkeypatch):
    monkeypatch.setenv("DALAB_CACHE", "")
    net, before = observed(ring), torch.random.get_rng_state()
    first = learn(ring, net, recipe)
    cache.forget()
    assert_same(first, learn(ring, net, recipe))
    assert torch.equal(before, torch.random.get_rng_state())
    cache.forget()
    other = learn(ring, net, replace(recipe, seed=1))
    one = torch.ones(ring.shape)
    assert not torch.equal(first.encode(one), other.encode(one))


def test_latent_numbers_of_an_autoencoder_are_a_multiple_of_its_patches(ring):
    cells = math.prod(coarse_grid(ring.shape))
    assert learn(ring, None, replace(SMALL, size=cells + 1, iterations=1)).size == 2 * cells


def test_a_training_can_be_stopped_and_says_how_far_it_is(ring):
    heard = []
    with pytest.raises(Interrupted), listening(heard.append), interruptible(
        lambda: any("step 20 of 1000000, loss " in text for text in heard)
    ):
        learn(ring, observed(ring), replace(SMALL, iterations=1_000_000))
    assert heard[0] == "200 states of the climate"


@pytest.mark.parametrize("cycles", [None, 20])
def test_stopping_a_run_stops_the_training(cycles):
    run = Run({
        "system": "lorenz96", "operators": ["identity"], "cycles": cycles, "members": 2,
        "methods": ["latent-ensf:iterations=1000000,states=50"],
    }).start()
    end = time.monotonic() + 30
    while "autoencoder: step" not in run.progress.note and time.monotonic() < end:
        time.sleep(0.05)
    assert "autoencoder: step" in run.progress.note
    run.cancel()
    assert run.join(20)


# --- files ----------------------------------------------------------------------------------------


def fail(*_, **__):
    raise AssertionError("learnt again")


@pytest.mark.parametrize("recipe", [SMALL, POD])
@pytest.mark.parametrize("coupled", [True, False])
def test_a_space_is_read_from_its_file(ring, recipe, coupled, folder, monkeypatch):
    net = observed(ring) if coupled else None
    first = learn(ring, net, recipe)
    assert len(list(folder.iterdir())) == 1
    monkeypatch.setattr(learning, "_learnt", fail)
    assert learn(ring, net, recipe) is first
    cache.forget()
    second = learn(ring, net, recipe)
    assert second is not first
    assert_same(first, second)
    x = climate.climate_states(ring, 5, 1)
    assert torch.equal(first.decode(first.encode(x)), second.decode(second.encode(x)))
    if coupled:
        data = net.apply(x.unsqueeze(-4))
        assert torch.equal(first.encode_observations(data), second.encode_observations(data))


def test_what_a_space_depends_on_finds_another_file(ring):
    net, options = observed(ring), SMALL.options()
    first = cache.digest(ring, net, options)
    assert first == cache.digest(SYSTEMS.make("ring:d=16,width=3"), observed(ring), options)
    others = [
        cache.digest(SYSTEMS.make("ring:d=16,width=3,speed=0.5"), net, options),
        cache.digest(SYSTEMS.make("ring:d=16,width=4"), net, options),
        cache.digest(ring, observed(ring, noise=0.2), options),
        cache.digest(ring, observed(ring, mask="stride:2"), options),
        cache.digest(ring, observed(ring, operator="arctan"), options),
        cache.digest(ring, None, options),
        *(cache.digest(ring, net, replace(SMALL, **change).options()) for change in (
            {"seed": 1}, {"states": 300}, {"width": 8}, {"iterations": 41}, {"size": 16},
            {"space": "pod"},
        )),
    ]
    assert len({first, *others}) == 1 + len(others)


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty", "text"])
def test_a_broken_file_is_made_anew(ring, damage, folder):
    first = learn(ring, None, POD)
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "changed":
        content[-5] ^= 1
    path.write_bytes({"truncated": content[:-100], "changed": content, "empty": b"",
                      "text": b"no tensors at all"}[damage])
    cache.forget()
    assert_same(first, learn(ring, None, POD))
    cache.forget()
    assert_same(first, learn(ring, None, POD))
    assert len(path.read_bytes()) == len(content)


def test_a_full_disk_costs_a_warning(ring, folder, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "save_prior", full)
    with pytest.warns(UserWarning, match=r"could not be kept in .* \(No space left on device\)"):
        space = learn(ring, None, POD)
    assert space.size == POD.size or space.size > 0
    assert learn(ring, None, POD) is space


def test_nothing_is_kept_where_that_is_not_wanted(ring, folder, monkeypatch):
    monkeypatch.setenv("DALAB_CACHE", "")
    learn(ring, None, POD)
    assert not folder.exists()


def test_the_oldest_files_go(ring, folder, monkeypatch):
    monkeypatch.setattr(cache, "ON_DISK", 2)
    for seed in range(4):
        learn(ring, None, replace(POD, seed=seed))
        time.sleep(0.01)
    assert len(list(folder.glob("*.safetensors"))) == 2
    monkeypatch.setattr(learning, "_learnt", fail)
    cache.forget()
    for seed in (2, 3):
        learn(ring, None, replace(POD, seed=seed))


def test_few_spaces_stay_in_memory(ring, monkeypatch):
    monkeypatch.setattr(cache, "IN_MEMORY", 2)
    for seed in range(3):
        learn(ring, None, replace(POD, seed=seed))
    assert len(cache._known) == 2


def test_two_threads_learn_the_same(ring):
    found = []
    threads = [threading.Thread(target=lambda: found.append(learn(ring, None, POD)))
               for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_same(*found)
