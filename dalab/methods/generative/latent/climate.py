"""States of the climate of a system, from which latent spaces are learnt."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ....interruption import check_interruption
from ....notes import note
from ....random import stream
from ....systems.base import System

SMALL = 256
"""Numbers in a state up to which all states are draws of their own."""

TRAJECTORIES, APART = 32, 8
"""Trajectories that larger states are taken from, and intervals between two states of one."""

FORGET = 100
"""Intervals after which a state has forgotten the library that it was drawn from.

True states are drawn from the same libraries: a space is not to be learnt from their neighbours.
"""

FEWEST, MOST, NUMBERS = 1024, 8192, 2**23
"""Bounds of the number of states by default, and the numbers in all of them between these."""

HELD_OUT = 0.2
"""Share of the states that is not learnt from, but tells how good a space is."""


def default_count(shape: tuple[int, ...]) -> int:
    """Number of states to learn a space from, by the shape of a state."""
    return min(MOST, max(FEWEST, NUMBERS // math.prod(shape)))


def learnt_count(count: int) -> int:
    """Number of states that are learnt from, the first ones; the others are held out."""
    return count - max(1, round(HELD_OUT * count))


def climate_states(system: System, count: int, seed: int) -> Tensor:
    """States of the climate, normalised, ``(count, lev, y, x)``.

    Those of large systems follow each other in a few trajectories, one trajectory after the other,
    in float32; the others are independent, in float64.

    Args:
        system: the forecast model.
        count: states wanted.
        seed: of all choices.

    Raises:
        InputError: if the system has no states of its climate.
    """
    generator = stream(seed, "climate of a latent space", system.name)
    if system.independent_climate and math.prod(system.shape) <= SMALL:
        note(f"{count} states of the climate")
        return system.sample_climate(count, generator)
    note("climate: first states")
    x = system.sample_climate(TRAJECTORIES, generator).float()
    with torch.no_grad():
        if not system.independent_climate:
            x = system.step(x, FORGET, generator)
        return _followed(system, x, math.ceil(count / TRAJECTORIES), generator)[:count]


def _followed(system: System, x: Tensor, each: int, generator: torch.Generator) -> Tensor:
    """So many states of every trajectory, one trajectory after the other."""
    states = []
    for k in range(each):
        check_interruption()
        note(f"climate: {k * len(x)} of {each * len(x)} states")
        x = system.step(x, APART, generator)
        states.append(x)
    return torch.stack(states, 1).flatten(0, 1)
