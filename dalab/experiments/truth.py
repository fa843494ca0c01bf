"""Sources of true windows.

The source ``model`` starts from a draw of the climate of the system and runs its forecast model.
For two-layer flow the draw is a bundled state, moved by symmetries of the equations and integrated
for 20 to 40 days that the seed decides, so that every seed is a new piece of turbulence. The other
sources start from the same state and are for two-layer flow alone.

========== ======================================= =================================================
source     integrated by                           what the lab's forecast model misses
========== ======================================= =================================================
model      the lab's own solver                    nothing
pyqg       pyqg                                    nothing
model-fine the lab's own solver, twice the grid    what the blocks average away
pyqg-fine  pyqg on twice the grid                  what the blocks average away
========== ======================================= =================================================

Where no library of the finer flow ships, as for qg256, it starts from an interpolated state of the
other, and its small scales fill up meanwhile. For qg256 these are the grids of arXiv 2407.21314.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..foreign import check_file
from ..options import lookup
from ..random import stream
from ..systems import System
from ..systems.base import Streams
from ..systems.qg_truth import simulate_window
from .truth_file import read_window


def model(system: System, steps: int, seed: int) -> Tensor:
    """Truth from the lab's own solver: the forecast model is perfect, but for its noise."""
    return system.sample_window(steps, _streams(seed))


def pyqg(system: System, steps: int, seed: int) -> Tensor:
    """Truth from pyqg on the same grid: the same equations from independent code."""
    return simulate_window(system, steps, _streams(seed), fine=False, pyqg=True)


def model_fine(system: System, steps: int, seed: int) -> Tensor:
    """Truth from twice the resolution, averaged over 2 x 2 cells: the forecast model errs."""
    return simulate_window(system, steps, _streams(seed), fine=True, pyqg=False)


def pyqg_fine(system: System, steps: int, seed: int) -> Tensor:
    """Truth from pyqg on twice the resolution, averaged over 2 x 2 cells."""
    return simulate_window(system, steps, _streams(seed), fine=True, pyqg=True)


def _streams(seed: int) -> Streams:
    return lambda choice: stream(seed, "truth", choice)


TRUTHS: dict[str, Callable[[System, int, int], Tensor]] = {
    "model": model,
    "pyqg": pyqg,
    "model-fine": model_fine,
    "pyqg-fine": pyqg_fine,
}
"""Window ``(steps, lev, y, x)``, normalised, from a system, a number of steps and a seed."""

FLOWS = ("pyqg", "model-fine", "pyqg-fine")
"""Sources that simulate two-layer flow, and nothing else."""


TruthSource = str | Path | Tensor
"""A name of :data:`TRUTHS`, the path of a NetCDF file or Zarr store in the layout of pyqg's
``to_dataset()``, a normalised window ``(time, *shape)``, or a normalised state ``shape``."""


def check_source(source: TruthSource, system: System, steps: int) -> None:
    """Check that a source can be had, without drawing from it.

    Raises:
        InputError: for an unknown name, a file that is missing, or numbers of another shape.
    """
    if isinstance(source, Tensor):
        _check_numbers(source, system, steps)
    elif str(source) not in TRUTHS:
        if not os.path.exists(source):
            _refuse(str(source))
        check_file(source, "truth", folder=True)
    elif source in FLOWS and not system.other_solvers:
        raise InputError(
            "truth", str(source), f"simulates two-layer flow, not {system.name}", "Use model."
        )


def _refuse(source: str) -> None:
    if source and not Path(source).suffix:
        lookup("truth", source, TRUTHS)
    raise InputError(
        "truth", source, "must be an existing NetCDF or Zarr file, or one of "
        f"{', '.join(TRUTHS)}", "Check the path.",
    )


def _check_numbers(states: Tensor, system: System, steps: int) -> None:
    found, state = tuple(states.shape), tuple(system.shape)
    if found != state and (found[1:] != state or found[0] < steps):
        raise InputError(
            "shape of the truth", found,
            f"must be {(steps, *state)}, a window, or {state}, a state to start from",
            f"It is normalised, in the order time, {', '.join(system.dims)}.",
        )
    if not states.isfinite().all():
        raise InputError("truth", "NaN or infinity", "must be finite numbers", "Check it.")


def draw_truth(source: TruthSource, system: System, steps: int, seed: int) -> Tensor:
    """A true window, normalised, ``(steps, *shape)``, float32.

    Args:
        source: a name, a path, a window, or a state from which the system runs.
        system: dynamical system of the truth.
        steps: states in the window, one every ``system.interval``.
        seed: of everything random. In a file, seed 0 takes the window at its beginning, seed 1
            the next window that does not overlap it, and so on, starting again after the last.

    Raises:
        InputError: for an unknown source, a file that cannot serve, or pyqg missing.
    """
    if isinstance(source, Tensor):
        return _from_numbers(source, system, steps, seed).to("cpu", torch.float32, copy=True)
    if source in TRUTHS:
        return _drawn(str(source), system, steps, seed).to(torch.float32, copy=True)
    path = Path(source)
    if not os.path.exists(path) and not path.suffix:
        lookup("truth", str(source), TRUTHS)
    return read_window(path, system, steps, seed)


def _from_numbers(states: Tensor, system: System, steps: int, seed: int) -> Tensor:
    if states.shape != torch.Size(system.shape):
        return states[:steps]
    with torch.no_grad():
        return system.trajectory(states.double(), steps, _streams(seed)("noise"))


@lru_cache(maxsize=8)
def _drawn(source: str, system: System, steps: int, seed: int) -> Tensor:
    return TRUTHS[source](system, steps, seed)
