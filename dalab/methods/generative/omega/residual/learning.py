"""Residual scores that are learnt for a problem, and kept for the next run."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import torch

from .....errors import InputError
from .....files import cache_folder
from ....base import Problem
from ...latent.cache import digest
from ...networks.stored import SUFFIX
from .recipe import ResidualRecipe
from .stored import StoredResidual, load_residual, save_residual
from .training import ResidualTraining
from .twins import BaselineFilter


def learnt_residual(
    method: BaselineFilter, baseline: str, problem: Problem
) -> StoredResidual | None:
    """The residual of a filter for what a problem observes; ``None`` if it is of no use.

    It is read from the cache of the user, or else learnt with the settings of recipes.

    Args:
        method: the filter, without a residual.
        baseline: its kind.
        problem: the problem, of which the first time with observations counts.
    """
    network = next(one for k in range(problem.network.steps) if (one := problem.network.at(k)).size)
    options = {"baseline": baseline, "members": method.members}
    name = digest(problem.system, network, options)
    folder = cache_folder()
    path = None if folder is None else folder / "omega" / f"{name}{SUFFIX}"
    stored = _read(path)
    if stored is None:
        recipe = ResidualRecipe(
            name=name, method="omega", system=problem.system.name, baseline=baseline,
            members=method.members,
        )
        data = torch.zeros(network.size, dtype=torch.float64)
        stored = _learn(recipe, method, replace(problem, network=network, data=data))
        _keep(path, stored)
    return stored if stored.is_useful else None


def _learn(recipe: ResidualRecipe, method: BaselineFilter, problem: Problem) -> StoredResidual:
    with tempfile.TemporaryDirectory() as folder, torch.enable_grad():
        training = ResidualTraining(recipe, method, problem, Path(folder), torch.device("cpu"))
        for _ in training.run():
            pass
        return training.finish()[1]


def _read(path: Path | None) -> StoredResidual | None:
    try:
        return load_residual(str(path)) if path is not None and path.is_file() else None
    except InputError:  # damaged: it is learnt again
        return None


def _keep(path: Path | None, stored: StoredResidual) -> None:
    if path is None:
        return
    try:
        save_residual(path, stored)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        warnings.warn(
            f"The residual score could not be kept in {path.parent} ({reason}): it is learnt again "
            "next time.", stacklevel=2,
        )
