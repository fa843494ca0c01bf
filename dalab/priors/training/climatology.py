"""Estimation of the climate of a system: its Gaussian prior, and the file of a bundled one.

Trajectories are spun up from noise and followed for years; the covariance of windows is estimated
from them. Bundled libraries of states come from trajectories of another seed, so that the prior has
seen no truth that starts from one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...errors import InputError
from ...machine import available_memory
from ...random import stream
from ...systems.base import System
from ...systems.parametric import SpunUp
from ...systems.spinup import spin_up, successive_states
from ..covariance import estimate
from ..files.gaussian_file import save_gaussian
from ..gaussian import GaussianPrior

WINDOW = 9
"""States of the windows of an estimate."""

WINDOWS = 8
"""Windows of every trajectory, one after the other, of which it is made."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Climatology:
    """Statistics of the trajectories of a system.

    Args:
        matrices: covariance of windows per wavenumber, complex ``(n, n/2 + 1, c, c)``.
        std: measured standard deviation of every layer, normalised; 1 if the system's own fits.
        windows: windows that the covariance was estimated from.
    """

    matrices: Tensor
    std: tuple[float, ...]
    windows: int


def measure(
    system: SpunUp,
    *,
    trajectories: int = 36,
    days: int = 1600,
    spinup: int | None = None,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
) -> Climatology:
    """Spin up trajectories, follow them, and estimate the covariance of their windows.

    Args:
        system: the system to be measured.
        trajectories: independent trajectories.
        days: intervals to follow each of them; windows do not overlap.
        spinup: intervals before the first window, the system's own number by default.
        seed: of the initial noise.
        progress: called with the intervals done and the intervals in all.

    Raises:
        InputError: if there is no trajectory, or not one window in ``days``.
    """
    if days < WINDOW:
        raise InputError("days", days, f"must be at least {WINDOW}, one window", "Use 1600.")
    if trajectories < 1:
        raise InputError("trajectories", trajectories, "must be at least 1", "Use 36.")
    spinup = system.spinup if spinup is None else spinup
    total = spinup + days
    x = spin_up(system, trajectories, spinup, seed, lambda done, _: progress(done, total))
    states = successive_states(system, x, days, lambda done, _: progress(spinup + done, total))
    return _gather(states, system.mirror_symmetric)


def _gather(states: Iterable[Tensor], mirror: bool) -> Climatology:
    """Average over states ``(trajectories, lev, y, x)``, one window in memory at a time."""
    matrices = squares = torch.zeros((), dtype=torch.float64)
    window: list[Tensor] = []
    windows = trajectories = 0
    for state in states:
        window.append(state)
        if len(window) == WINDOW:
            batch = torch.stack(window, dim=1)
            matrices = matrices + estimate(batch, mirror=mirror)
            squares = squares + batch.double().pow(2).mean((0, 1, 3, 4))
            windows, trajectories, window = windows + 1, len(batch), []
    return Climatology(
        matrices / windows,
        tuple((squares / windows).sqrt().tolist()),
        windows * trajectories,
    )


def write_prior(found: Climatology, system: SpunUp, folder: Path, **facts: object) -> Path:
    """Write the Gaussian prior of a system; return its path.

    Args:
        found: the statistics.
        system: their system.
        folder: folder to write to.
        facts: settings of the measurement, for the header.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{system.name}-gaussian.safetensors"
    about = {
        "system": system.name,
        "std": system.scale.flatten().tolist(),
        "measured_std": list(found.std),
        "windows": found.windows,
        "solver": asdict(system.options),
        **facts,
    }
    save_gaussian(path, found.matrices, fields=(WINDOW, system.shape[0]), facts=about)
    return path


def estimate_gaussian(
    system: System, *, trajectories: int | None = None, windows: int = WINDOWS, seed: int = 0
) -> GaussianPrior:
    """Estimate the Gaussian prior of a system from draws of its climate.

    Args:
        system: the system.
        trajectories: independent trajectories; by default 256, and fewer but at least 8 of states
            of more than 1024 numbers, whose every part adds to the estimate.
        windows: windows of each of them, one after the other.
        seed: of the trajectories.

    Raises:
        InputError: if the states do not fit into the memory.
    """
    count = trajectories or _trajectories(system)
    _check_memory(system, count * windows)
    generator = stream(seed, "climatology", system.name)
    x = system.sample_climate(count, generator)
    states = system.trajectory(x, windows * WINDOW, generator)
    return GaussianPrior.fit(states.reshape(-1, WINDOW, *system.shape)).float()


ENOUGH = 2**18
"""Numbers in all trajectories at a time that are enough for a covariance."""


def check_estimate(system: System) -> None:
    """Raise unless :func:`estimate_gaussian` fits into the memory.

    Raises:
        InputError: if it does not.
    """
    _check_memory(system, _trajectories(system) * WINDOWS)


def _trajectories(system: System) -> int:
    return min(256, max(8, ENOUGH // math.prod(system.shape)))


def _check_memory(system: System, windows: int) -> None:
    """Refuse to hold windows in float64 three times if there is no room for them."""
    needed, free = 3 * 8 * windows * WINDOW * math.prod(system.shape), available_memory()
    if needed > free:
        raise InputError(
            f"size of {system.name}", system.shape,
            f"needs {needed / 2**30:.3g} GB for its Gaussian prior, and {free / 2**30:.3g} are "
            "free", "Use a smaller system, or another prior.",
        )
