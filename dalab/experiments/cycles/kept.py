"""Whole ensembles at chosen cycles, in memory or streamed to a Zarr store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..schedule import Schedule
from .driver import Cycle


class KeptStates:
    """Truths and analyses of the cycles that a schedule keeps.

    Args:
        schedule: says which.
        folder: of a Zarr store, written as the run goes; in memory if ``None``.
    """

    def __init__(self, schedule: Schedule, folder: Path | None = None) -> None:
        self.schedule, self.folder = schedule, folder
        self._arrays: dict[str, Any] = {}

    def add(self, label: str, found: Cycle) -> None:
        """Keep a cycle of a method, if the schedule wants it."""
        cycle = found.moment.cycle
        if self.schedule.is_kept(cycle):
            index = self.schedule.kept.index(cycle)
            self._write("truth", index, found.moment.truth)
            self._write(f"estimates/{label}", index, found.analysis)

    def _write(self, name: str, index: int, values: Tensor) -> None:
        numbers = values.detach().float().cpu().numpy()
        if name not in self._arrays:
            self._arrays[name] = self._make(name, (len(self.schedule.kept), *numbers.shape))
        self._arrays[name][index] = numbers

    def _make(self, name: str, shape: tuple[int, ...]) -> Any:
        if self.folder is None:
            return np.full(shape, np.nan, dtype=np.float32)
        import zarr  # takes longer to import than most commands run

        group = zarr.open_group(self.folder, mode="a")
        known = group.get(name)
        if isinstance(known, zarr.Array) and known.shape == shape:
            return known
        return group.create_array(
            name, shape=shape, chunks=(1, *shape[1:]), dtype="f4", fill_value=np.nan,
            overwrite=True,
        )

    def read(self, name: str) -> Any:
        """Kept values of ``truth`` or ``estimates/LABEL``, ``(kept, repeats, ...)``, float32.

        An array; one of dask for those of a store, which stay there; ``None`` if there are none.
        """
        if name not in self._arrays or self.folder is None:
            return self._arrays.get(name)
        import dask.array  # takes longer to import than most commands run

        return dask.array.from_zarr(self._arrays[name])
