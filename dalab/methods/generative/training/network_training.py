"""From a recipe to the file of a score filter's network: data, training, validation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ....priors.files.header import scales
from ....priors.training.pipeline import hardware, load_data
from ....priors.training.resumable import ResumableTraining
from ....random import stream
from ....systems import SYSTEMS
from ....systems.base import System
from ..networks.network_score import over_times
from ..networks.observing import observing_network
from ..networks.recipe import NetworkRecipe
from ..networks.score_network import ScoreNetwork
from ..networks.stored import SUFFIX, StoredNetwork, probe, save_network
from .processes import process_of


class NetworkTraining(ResumableTraining[NetworkRecipe, ScoreNetwork]):
    """One training, from its recipe to its file.

    Args:
        recipe: settings of the training.
        folder: for checkpoints and the finished network.
        device: to train on.

    Raises:
        InputError: if the data or the system do not fit the recipe.
    """

    def __init__(self, recipe: NetworkRecipe, folder: Path, device: torch.device) -> None:
        self.recipe, self.folder, self.device = recipe, folder, device
        self.system: System = SYSTEMS.make(recipe.system)
        self.observing = observing_network(recipe, self.system)
        self.process = process_of(recipe.method, self.system, self.observing)
        data = load_data(recipe.data, recipe.seed, self.system)
        self.facts = data.facts
        self.states, self.test = (s.flatten(0, 1) for s in (data.training, data.held_out))
        architecture = recipe.architecture(self.process.heads)
        self.network = ScoreNetwork(
            self.system.shape, architecture, self.process.observed, recipe.seed
        ).to(device)
        self.history = {}

    def loss(self, network: Callable[..., Tensor], step: int, share: range) -> Tensor:
        """Loss over some samples of a step."""
        source = stream(self.recipe.seed, "sample", step, share.start)
        chosen = torch.randint(len(self.states), (len(share),), generator=source)
        states = self.states[chosen].to(self.device)
        drawn = over_times(self.process.loss, self.process.interval)
        return drawn(network, states, source)

    @torch.no_grad()
    def finish(self) -> tuple[Path, StoredNetwork]:
        """Validate, and write the network; its path and what is in it."""
        network = self.network.eval()
        facts = {
            "recipe": self.recipe.to_dict(), "data": self.facts,
            "training": {**self.history, "hardware": hardware(self.device)},
            "validation": [self._error(network, t) for t in TIMES],
        }
        stored = StoredNetwork(
            self.recipe.name, self.recipe.method, self.system.name, scales(self.system), network,
            self._probe(), facts,
        )
        path = self.folder / f"{self.recipe.name}{SUFFIX}"
        save_network(path, stored)
        return path, stored

    def _probe(self) -> Tensor:
        if self.process.observed is None:
            return torch.zeros(0)
        return probe(self.system, self.observing)

    def _error(self, network: ScoreNetwork, t: float) -> dict[str, float]:
        """Root-mean-square error of what the network estimates of held-out states at a time."""
        source = stream(self.recipe.seed, "held out")
        chosen = torch.randperm(len(self.test), generator=source)[: self.recipe.held_out]
        total = 0.0
        for some in self.test[chosen].to(self.device).split(self.recipe.batch):
            at = torch.full((len(some), 1, 1, 1), t, dtype=torch.float64)
            total += float(self.process.loss(network, some, at, source)) * len(some)
        return {"time": t, "error": round((total / len(chosen)) ** 0.5, 5)}


TIMES = (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
"""Pseudo-times of the validation."""
