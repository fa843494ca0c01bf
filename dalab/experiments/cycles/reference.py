"""The reference posterior: members of the analyses of a filter that runs before all others.

The reference is a filter with so many members that its analyses stand for the exact posterior. Up
to ``MEMBERS`` of them are kept for every cycle and repeat, in single precision; they are as
probable as the others. They are taken at equal distances among all members: particles that lie
beside each other after resampling descend from the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...methods import Method
from ...metrics.transport import sliced_w2, spaced, w2
from ...systems import System
from ..config import REFERENCE
from ..experiment import Experiment
from ..memory import free_bytes, gigabytes
from .driver import Cycle

MEMBERS, MANY, LARGE = 1000, 2000, 500
"""Members kept; and how many where a method has more members than ``LARGE``."""

SCORES = {
    "w2": "Wasserstein distance of order 2 of the analysis from the reference, in the units of the "
    "equations",
    "sliced_w2": "sliced Wasserstein distance of the analysis from the reference, in the units of "
    "the equations",
}
"""Scores against a reference, by name."""


class ReferencePosterior:
    """Members of the analyses of the reference, cycle by cycle.

    Args:
        experiment: a cycled experiment with a reference.
        folder: of a Zarr store that holds them; in memory if ``None``.

    Raises:
        InputError: if they do not fit into memory.
    """

    def __init__(self, experiment: Experiment, folder: Path | None = None) -> None:
        self.system, self.folder = experiment.system, folder
        self.size = kept_members(experiment.methods, experiment.members)
        cycles, shape = experiment.cycling.cycles, experiment.system.shape
        self.shape = (cycles, experiment.repeats, self.size, *shape)
        if folder is None:
            self._check_memory()
        self._values: Any = None

    def _check_memory(self) -> None:
        needed, free = 4 * int(np.prod(self.shape, dtype=float)), free_bytes(torch.device("cpu"))
        if needed > free:
            raise InputError(
                "reference", f"{self.size} members of {self.shape[0]} cycles",
                f"need {gigabytes(needed)} of memory, and {gigabytes(free)} are free",
                "Use fewer cycles or repeats, a folder of checkpoints, or no reference.",
            )

    # --- members ----------------------------------------------------------------------------------

    def add(self, found: Cycle) -> Cycle:
        """Keep members of an analysis of the reference; return the cycle with these alone."""
        if self._values is None:
            self._values = self._make()
        members = spaced(found.analysis, self.size)
        self._values[found.moment.cycle - 1] = members.detach().float().cpu().numpy()
        return replace(found, analysis=members)

    def take(self, earlier: ReferencePosterior) -> None:
        """Go on from the members of a run with other cycles."""
        if self.folder is None and earlier._values is not None and earlier.size == self.size:
            known = min(self.shape[0], earlier.shape[0])
            self._values = self._make()
            self._values[:known] = earlier._values[:known]

    def at(self, cycle: int) -> Tensor:
        """Members at a cycle, normalised, ``(repeats, size, *shape)``; NaN where there are none."""
        if self._values is None and self.folder is not None:
            self._values = self._make()
        if self._values is None:
            return torch.full(self.shape[1:], torch.nan)
        return torch.from_numpy(np.asarray(self._values[cycle - 1]))

    def _make(self) -> Any:
        if self.folder is None:
            return np.full(self.shape, np.nan, dtype=np.float32)
        import zarr  # takes longer to import than most commands run

        group = zarr.open_group(self.folder, mode="a")
        known = group.get(REFERENCE)
        if isinstance(known, zarr.Array) and known.shape[1:] == self.shape[1:]:
            if known.shape[0] < self.shape[0]:
                known.resize(self.shape)
            return known
        return group.create_array(
            REFERENCE, shape=self.shape, chunks=(1, *self.shape[1:]), dtype="f4",
            fill_value=np.nan, overwrite=True,
        )

    # --- scores -----------------------------------------------------------------------------------

    def scores(self, found: Cycle) -> dict[str, Tensor]:
        """Distances of an analysis from the reference, ``(repeats,)`` each, see :data:`SCORES`."""
        known = self.at(found.moment.cycle)
        if found.analysis.shape[1] <= LARGE:
            known = spaced(known, MEMBERS)
        x, y = (_in_units(members, self.system) for members in (found.analysis, known))
        return {"w2": w2(x, y), "sliced_w2": sliced_w2(x, y)}


def _in_units(members: Tensor, system: System) -> Tensor:
    """Members ``(repeats, N, lev, y, x)`` as vectors ``(repeats, N, d)`` in physical units."""
    return system.physical(members.double()).flatten(2)


def kept_members(methods: Mapping[str, Method], members: int) -> int:
    """Number of members of the reference that are kept.

    Args:
        methods: by label, the reference among them.
        members: members of the experiment.
    """
    sizes = {label: method.size(members) for label, method in methods.items()}
    own = sizes.pop(REFERENCE)
    return min(own, MANY if max(sizes.values(), default=0) > LARGE else MEMBERS)
