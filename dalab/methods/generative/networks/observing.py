"""Observing network of a recipe."""

from __future__ import annotations

from typing import Protocol

from ....observations import MASKS, OPERATORS, NetworkDesign, ObservingNetwork
from ....random import stream
from ....systems.base import System


class ObservingRecipe(Protocol):
    """Recipe that names operators, masks and a noise."""

    @property
    def operators(self) -> tuple[str, ...]: ...
    @property
    def masks(self) -> tuple[str, ...]: ...
    @property
    def noise(self) -> float: ...
    @property
    def seed(self) -> int: ...


def observing_network(recipe: ObservingRecipe, system: System) -> ObservingNetwork:
    """One time of the observing network of a recipe."""
    planned = NetworkDesign(
        operators=tuple(OPERATORS.make(text, system) for text in recipe.operators),
        masks=tuple(MASKS.make(text) for text in recipe.masks), noise=recipe.noise,
    )
    return planned.realise(system, 1, lambda i: stream(recipe.seed, "mask", i))
