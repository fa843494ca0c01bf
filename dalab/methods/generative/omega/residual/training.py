"""From a recipe to the file of a residual score: twin trajectories, training, the gate."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from .....errors import InputError
from .....priors.files.header import scales
from .....priors.training.pipeline import hardware
from .....priors.training.resumable import ResumableTraining
from .....random import stream
from .....systems import SYSTEMS
from ....base import Problem
from ...networks.observing import observing_network
from ...networks.stored import SUFFIX, probe
from .network import ResidualNetwork, matching_loss
from .recipe import ResidualRecipe
from .stored import Gate, StoredResidual, save_residual
from .twins import BaselineFilter, Examples, joined, twin_examples


class ResidualTraining(ResumableTraining[ResidualRecipe, ResidualNetwork]):
    """One training, from its recipe to its file.

    Args:
        recipe: settings of the training.
        baseline: the filter whose residual is learnt, without one.
        problem: holds system and network of one time.
        folder: for checkpoints and the finished network.
        device: to train on.

    Raises:
        InputError: if system and observations do not suit the filter.
    """

    def __init__(
        self, recipe: ResidualRecipe, baseline: BaselineFilter, problem: Problem, folder: Path,
        device: torch.device,
    ) -> None:
        self.recipe, self.folder, self.device = recipe, folder, device
        self.problem = problem
        baseline.check(self.problem, recipe.members)
        cycles = twin_examples(
            baseline, self.problem, recipe.members, recipe.trajectories, recipe.cycles, recipe.seed
        )
        with torch.no_grad():
            every = joined(list(cycles))
        held = every.trajectory >= recipe.trajectories - max(recipe.trajectories // 10, 2)
        self.examples, self.held_out = every.take(~held), every.take(held)
        d1, size = every.x.shape[-1], every.context.values.shape[-1]
        self.network = ResidualNetwork(d1, size, recipe.width, recipe.depth, recipe.seed)
        self.network.standardise(self.examples.context.values)
        self.network.to(device)
        self.history = {}

    def loss(self, network: Callable[..., Tensor], step: int, share: range) -> Tensor:
        """Loss over some examples of a step."""
        source = stream(self.recipe.seed, "sample", step, share.start)
        chosen = torch.randint(len(self.examples), (len(share),), generator=source)
        some = self.examples.take(chosen)
        return matching_loss(network(some.x, some.sigma, some.context), some.target,
                             some.sigma).mean()

    @torch.no_grad()
    def finish(self) -> tuple[Path, StoredResidual]:
        """Validate, and write the network; its path and what is in it."""
        network, recipe = self.network.eval(), self.recipe
        gate = gate_of(network, self.held_out)
        facts = {
            "recipe": recipe.to_dict(), "gate": gate.to_dict(),
            "training": {**self.history, "hardware": hardware(self.device)},
        }
        system = self.problem.system
        stored = StoredResidual(
            recipe.name, system.name, scales(system), recipe.baseline, network.cpu(),
            probe(system, self.problem.network), facts,
        )
        path = self.folder / f"{recipe.name}{SUFFIX}"
        save_residual(path, stored)
        return path, stored


@torch.no_grad()
def gate_of(network: ResidualNetwork, held_out: Examples) -> Gate:
    """Compare losses on held-out trajectories."""
    residual = network(held_out.x, held_out.sigma, held_out.context)
    after = matching_loss(residual, held_out.target, held_out.sigma)
    before = matching_loss(torch.zeros_like(residual), held_out.target, held_out.sigma)
    of = held_out.trajectory
    gains = torch.stack([(before - after)[of == k].mean() for k in of.unique()]).double()
    return Gate(
        float(before.mean()), float(gains.mean()), float(gains.std()) / math.sqrt(len(gains))
    )


def problem_of(recipe: ResidualRecipe) -> Problem:
    """Problem of one time of a recipe, without data.

    Raises:
        InputError: if one of its texts is wrong.
    """
    system = SYSTEMS.make(recipe.system)
    network = observing_network(recipe, system)
    if not network.size:
        raise InputError("masks", recipe.masks, "must see something", "Use full.")
    prior: object = None
    data = torch.zeros(network.size, dtype=torch.float64)
    return Problem(system, prior, network, data)  # type: ignore[arg-type]
