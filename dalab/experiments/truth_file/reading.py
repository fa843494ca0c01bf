"""States of a file, as a window of a truth or for an ensemble to start from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...systems import System
from .climate import check_size
from .stored import LAYOUT, StoredStates, open_states
from .units import conversion

__all__ = ["LAYOUT", "read_states", "read_window", "read_windows"]


def read_window(path: Path, system: System, steps: int, seed: int) -> Tensor:
    """Read the window number ``seed`` of a file, normalised, ``(steps, lev, y, x)``, float32.

    Args:
        path: NetCDF file or Zarr store.
        system: whose shape, domain, parameters, interval and climate the file has to have.
        steps: states in the window.
        seed: windows are counted from the beginning without overlap, and again after the last.

    Raises:
        InputError: naming what is wrong with the file and how to mend it.
    """
    return read_windows(path, system, steps, [seed])[0]


def read_windows(path: Path, system: System, steps: int, seeds: Sequence[int]) -> Tensor:
    """Read several windows as :func:`read_window` does, ``(seeds, steps, lev, y, x)``, float32.

    Raises:
        InputError: naming what is wrong with the file and how to mend it.
    """
    with open_states(path, "truth file") as file:
        stored = StoredStates(file, path, system, "truth file")
        starts = [_start(stored.count, steps, seed, path) for seed in seeds]
        windows = {start: _window(stored, start, steps) for start in dict.fromkeys(starts)}
    return torch.stack([windows[start] for start in starts])


def _window(stored: StoredStates, start: int, steps: int) -> Tensor:
    _check_times(stored, start, steps)
    return _normalised(stored.read(start, start + steps), stored.system, start)


def read_states(path: Path, system: System, at_least: int) -> Tensor:
    """Read all states of a file, whatever their times, normalised, ``(states, lev, y, x)``.

    Args:
        path: NetCDF file or Zarr store.
        system: whose shape, domain, parameters and climate the file has to have.
        at_least: states wanted.

    Raises:
        InputError: naming what is wrong with the file and how to mend it.
    """
    with open_states(path, "start") as file:
        stored = StoredStates(file, path, system, "start")
        if stored.count < at_least:
            raise InputError(
                f"states in {path}", stored.count,
                f"must be at least {at_least}, one for each member",
                "Store more states, or use fewer members.",
            )
        states = stored.read(0, stored.count)
    return _normalised(states, system, 0)


def _start(times: int, steps: int, seed: int, path: Path) -> int:
    if times < steps:
        raise InputError(
            f"times in {path}", times,
            f"must be at least {steps}, those of the window and of its background",
            "Store more times, or choose a shorter window or another kind of background.",
        )
    return seed % (times // steps) * steps


def _check_times(stored: StoredStates, start: int, steps: int) -> None:
    """Check that the states of a window are one interval apart."""
    system = stored.system
    spacing = np.diff(stored.times[start : start + steps]) * _time_factor(stored)
    wrong = np.flatnonzero(~(np.abs(spacing / system.interval - 1) <= 0.01))
    if wrong.size:
        raise InputError(
            f"time from step {start + wrong[0]} to the next [{system.time_unit}]",
            float(spacing[wrong[0]]),
            f"must be {system.interval:g}, the interval of {system.name}, within 1 %",
            "Store one state per interval, in order.",
        )


def _time_factor(stored: StoredStates) -> float:
    unit = stored.system.time_unit
    text = str(stored.variables["time"].attrs.get("units", unit))
    factor = conversion(text.partition(" since ")[0], unit)
    if factor is None:
        wanted = unit if unit == "1" else f"a unit of time, such as {unit}"
        raise InputError("units of time", text[:80], f"must be {wanted}", f"Use {unit}.")
    return factor


def _normalised(q: np.ndarray, system: System, start: int) -> Tensor:
    """Check the values of states in physical units, and normalise them; float32."""
    _check_values(q, start)
    x = (torch.from_numpy(q) - system.offset) / system.scale
    check_size(x, system)
    return x.float()


def _check_values(window: np.ndarray, start: int) -> None:
    bad = np.argwhere(~np.isfinite(window))
    if len(bad):
        time, lev, y, x = (int(i) for i in bad[0])
        where = f"first at time {start + time}, lev {lev}, y {y}, x {x}"
        raise InputError(
            "NaN or infinite values in q", len(bad), f"must be none ({where})",
            "Fill them, or use a window without them.",
        )
