"""From a system to the files that ship for it: its Gaussian prior and its library of states.

Trajectories are spun up from noise and followed for years. The covariance of windows is estimated
from the first seven of every nine of them, the state library is taken from the others, so that no
truth that starts from the library was seen by the prior.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..systems.library import DATA, save_states
from ..systems.qg import QGSystem
from ..systems.spinup import daily, spun_up
from .checkpoint import save_gaussian
from .spectral import estimate

WEIGHTS = Path(__file__).parent / "weights"
WINDOW = 9
APART = 200
"""Days between two states of one trajectory in the library."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Climatology:
    """What was learned from the trajectories of a system.

    Args:
        matrices: covariance of windows per wavenumber, complex ``(n, n/2 + 1, c, c)``.
        states: normalised states of held-out trajectories, ``(count, lev, y, x)``.
        std: measured standard deviation of every layer, normalised; 1 if the system's own fits.
        windows: windows that the covariance was estimated from.
    """

    matrices: Tensor
    states: Tensor
    std: tuple[float, ...]
    windows: int


def training(trajectories: int) -> int:
    """How many of the trajectories the prior may see; the others are held out.

    Raises:
        InputError: if none would be left for one of the two.
    """
    if trajectories < 2:
        raise InputError("trajectories", trajectories, "must be at least 2", "Use 36.")
    return max(1, trajectories * 7 // 9)


def measure(
    system: QGSystem,
    *,
    trajectories: int = 36,
    days: int = 1600,
    spinup: int = 1825,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
) -> Climatology:
    """Spin up, follow, and estimate.

    Args:
        system: whose climatology is wanted.
        trajectories: independent trajectories.
        days: intervals to follow each of them; windows do not overlap.
        spinup: intervals before the first window.
        seed: of the initial noise.
        progress: told the intervals done and the intervals in all.

    Raises:
        InputError: if there are fewer than two trajectories, or not one window in ``days``.
    """
    if days < WINDOW:
        raise InputError("days", days, f"must be at least {WINDOW}, one window", "Use 1600.")
    seen, total = training(trajectories), spinup + days
    x = spun_up(system, trajectories, spinup, seed, lambda done, _: progress(done, total))
    states = daily(system, x, days, lambda done, _: progress(spinup + done, total))
    return _gather(states, seen)


def _gather(states: Iterable[Tensor], seen: int) -> Climatology:
    """One pass over daily states ``(trajectories, lev, y, x)``; memory for one window only."""
    matrices = squares = torch.zeros((), dtype=torch.float64)
    window: list[Tensor] = []
    kept: list[Tensor] = []
    windows = 0
    for day, state in enumerate(states, start=1):
        window.append(state[:seen])
        if len(window) == WINDOW:
            batch = torch.stack(window, dim=1)
            matrices = matrices + estimate(batch)
            squares = squares + batch.double().pow(2).mean((0, 1, 3, 4))
            windows, window = windows + 1, []
        if day % APART == 0 or (not kept and day == WINDOW):
            kept.append(state[seen:])
    return Climatology(
        matrices / windows,
        torch.cat(kept),
        tuple((squares / windows).sqrt().tolist()),
        windows * seen,
    )


def write(
    found: Climatology, system: QGSystem, folder: Path | None = None, **facts: object
) -> list[Path]:
    """Write the prior and the library; return their paths.

    Args:
        found: what was measured.
        system: of whom.
        folder: where to; the package's own folders by default.
        facts: how it was measured, for the header of the prior.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    prior = (folder or WEIGHTS) / f"{system.name}-gaussian.safetensors"
    about = {
        "system": system.name,
        "std": list(system.std),
        "measured_std": list(found.std),
        "windows": found.windows,
        "solver": asdict(system.model),
        **facts,
    }
    save_gaussian(prior, found.matrices, fields=(WINDOW, system.shape[0]), facts=about)
    return [prior, save_states(system.name, found.states, folder or DATA)]
