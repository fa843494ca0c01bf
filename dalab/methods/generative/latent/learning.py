"""Latent spaces from recipes: learnt once from the climate of a system, and kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ....notes import note
from ....observations import ObservingNetwork
from ....random import stream
from ....systems.base import System
from .autoencoder import AutoencoderSpace, Observed, read_model, scale_of
from .cache import digest, load, remember, remembered, save
from .climate import climate_states, default_count, learnt_count
from .networks import Autoencoder, coarse_grid, initialised
from .pod import POD
from .space import LatentError, LatentSpace
from .training import Course, train

SHARES = {"plane": 1 / 16, "ring": 1.0, "point": 1.0}
"""Latent numbers of an autoencoder per number of a state by default, by geometry."""

BATCHES = {"plane": 16, "ring": 64, "point": 256}
"""States of a step of a training."""


@dataclass(frozen=True)
class Recipe:
    """All that a latent space depends on besides the system and the network.

    Args:
        space: ``pod`` or ``autoencoder``.
        size: latent numbers; ``None`` for a default.
        explained: share of the variance that decides how many POD takes by default.
        states: states of the climate; ``None`` for a default.
        width: channels of the networks.
        iterations: steps of their training.
        seed: of all choices.
    """

    space: str
    size: int | None
    explained: float
    states: int | None
    width: int
    iterations: int
    seed: int

    def options(self) -> dict[str, Any]:
        """The options that matter for the kind of space."""
        unused = ("width", "iterations") if self.space == "pod" else ("explained",)
        return {name: value for name, value in asdict(self).items() if name not in unused}


def most(recipe: Recipe, shape: tuple[int, ...]) -> int:
    """Most latent numbers of a recipe, by the shape of a state."""
    numbers = math.prod(shape)
    if recipe.space == "autoencoder":
        return numbers
    return min(numbers, learnt_count(recipe.states or default_count(shape)) - 1)


def learn(system: System, network: ObservingNetwork | None, recipe: Recipe) -> LatentSpace:
    """The latent space of a recipe: from this process, from its file, or learnt now.

    Args:
        system: the forecast model, whose climate is sampled.
        network: network of one step, whose observations are encoded; ``None`` for none.
        recipe: all else.

    Raises:
        InputError: if the system has no states of its climate.
        Interrupted: if it is not wanted any more.
    """
    key = digest(system, network, recipe.options())
    found = remembered(key)
    if found is None:
        found = load(key, lambda header, tensors: _stored(system, network, recipe, header, tensors))
    if found is None:
        found = _learnt(system, network, recipe)
        header = {"explained": found.explained, "system": system.name, "recipe": recipe.options()}
        save(key, header, {**found.tensors(), **_of_error(found)})
    remember(key, found)
    return found


def _learnt(system: System, network: ObservingNetwork | None, recipe: Recipe) -> LatentSpace:
    count = recipe.states or default_count(system.shape)
    states = climate_states(system, count, recipe.seed)
    learnt, others = states[: learnt_count(count)], states[learnt_count(count) :]
    if recipe.space == "pod":
        note("principal components")
        space: LatentSpace = POD.fit(
            learnt, recipe.size, recipe.explained, network, uniform=system.shifts == (1, 1)
        )
    else:
        space = _trained(system, learnt, network, recipe)
    generator = stream(recipe.seed, "observations of held-out states")
    size = 0 if network is None else network.size
    space.judge(others, network, torch.randn(len(others), size, generator=generator).to(others))
    return space


def _trained(
    system: System, states: Tensor, network: ObservingNetwork | None, recipe: Recipe
) -> AutoencoderSpace:
    generator = stream(recipe.seed, "autoencoder")
    observed = None
    if network is not None:
        with torch.no_grad():
            observed = Observed(network, scale_of(network, network.apply(states.unsqueeze(-4))))
    model = initialised(_model(system, observed, recipe), generator)
    geometry = system.geometry
    course = Course(
        recipe.iterations, BATCHES[geometry], half=geometry == "plane", shifts=system.shifts
    )
    train(model, states, observed, course, generator)
    space = AutoencoderSpace(system.shape, model.eval().requires_grad_(False), observed)
    space.standardise(states)
    return space


def _model(system: System, observed: Observed | None, recipe: Recipe) -> Autoencoder:
    """The networks of a recipe, without numbers."""
    size = recipe.size or SHARES[system.geometry] * math.prod(system.shape)
    channels = max(1, math.ceil(size / math.prod(coarse_grid(system.shape))))
    with torch.device("meta"):
        return Autoencoder(
            system.shape, channels, recipe.width, 0 if observed is None else observed.count
        )


ERROR = ("difference", "offset", "slope", "residual")
"""Names in a file of the law of the latent observation."""


def _of_error(space: LatentSpace) -> dict[str, Tensor]:
    error = space.error
    return {} if error is None else {f"error.{name}": getattr(error, name) for name in ERROR}


def _stored(
    system: System, network: ObservingNetwork | None, recipe: Recipe,
    header: Mapping[str, Any], tensors: Mapping[str, Tensor],
) -> LatentSpace:
    """The space of a file."""
    own = {k: v for k, v in tensors.items() if not k.startswith("error.")}
    if recipe.space == "pod":
        space: LatentSpace = POD(system.shape, own)
    else:
        observed = None if network is None else Observed(network, own["scale"])
        model = read_model(_model(system, observed, recipe), own)
        space = AutoencoderSpace(system.shape, model, observed, own["mean"], own["std"])
    space.explained = float(header["explained"])
    if network is not None:
        space.error = LatentError(*(tensors[f"error.{name}"] for name in ERROR))
    return space
