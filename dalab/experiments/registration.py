"""Registration of a user's own parts, so that the interfaces can name them."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor

from ..methods import METHODS
from ..observations import MASKS, NOISES, OPERATORS
from ..priors import PRIORS
from ..registry import Instance, Registry, kebab
from ..systems import SYSTEMS, System
from .config import Config
from .description import describe
from .experiment import Experiment
from .truth import TRUTHS, draw_truth


def register_parts(experiment: Experiment) -> Config:
    """Register the parts of an experiment that no text makes yet; return the config that does.

    Systems and priors are registered as the objects that they are, under their own names;
    operators, masks, noises and methods as their classes, with their options in the config; a truth
    that is given as numbers becomes a source of truths.

    Raises:
        InputError: if the name of a part belongs to something else.
    """
    network = experiment.network
    _add(SYSTEMS, [experiment.system], whole=True)
    _add(PRIORS, [experiment.prior] if "prior" in experiment.own else [], whole=True)
    for registry, parts in (
        (OPERATORS, network.operators), (NOISES, [network.noise_family]),
        (MASKS, [mask for mask in network.masks if not isinstance(mask, Tensor)]),
        (METHODS, experiment.methods.values()),
    ):
        _add(registry, parts)
    config = describe(experiment)[0].replace(device=experiment.config.device)
    if isinstance(experiment.truth, Tensor):
        config = config.replace(truth=_add_truth(experiment.truth))
    return config


def _add(registry: Registry, parts: Any, whole: bool = False) -> None:
    """Register the parts that the registry cannot describe, or the classes of these."""
    for part in parts:
        if registry.describe(part) is None:
            cls = type(part)
            registry.add(part.name if whole else kebab(cls.__name__),
                         Instance(part) if whole else cls)


def _add_truth(states: Tensor) -> str:
    """A source of truths that gives these states, for every seed."""
    name = f"given-{sum(known.startswith('given-') for known in TRUTHS) + 1}"
    TRUTHS[name] = partial(_given, states)
    return name


def _given(states: Tensor, system: System, steps: int, seed: int) -> Tensor:
    """States that a person has given as numbers."""
    return draw_truth(states, system, steps, seed)
