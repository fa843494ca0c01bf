"""Trajectories on disk, made once and read by training: Zarr, split by trajectory, resumable.

The flow is integrated in segments that each start the time stepping afresh from the last state, so
that data made in one go and data made after any number of kills are the same to the bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import zarr
from torch import Tensor

from ..errors import InputError
from ..files import is_own, locked, replacing
from .base import System

Evolve = Callable[[Tensor, int], Iterator[Tensor]]
"""From normalised states and a number of intervals to the states after each of them."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Contents of an archive, and the way it is made.

    Args:
        system: name of the system the states belong to.
        trajectories: independent trajectories.
        days: states kept of each.
        spinup: intervals before the first of them.
        seed: of the initial states.
        held_out: share of the trajectories, the last ones, that training never sees.
        source: the simulation of the flow, in words and numbers.
        start: origin of the initial states.
        segment: kept states per segment: what a kill can cost.
        every: intervals between two kept states.

    Raises:
        InputError: if a number is out of its bounds.
    """

    system: str
    trajectories: int
    days: int
    spinup: int
    seed: int = 0
    held_out: float = 0.125
    source: str = ""
    start: str = "noise"
    segment: int = 25
    every: int = 1

    def __post_init__(self) -> None:
        for name, low, use in (
            ("trajectories", 2, "64"), ("days", 9, "800"), ("spinup", 0, "1825"),
            ("segment", 1, "25"), ("every", 1, "1"),
        ):
            if getattr(self, name) < low:
                raise InputError(
                    name, getattr(self, name), f"must be at least {low}", f"Use {use}."
                )
        if not 0 < self.held_out < 1:
            raise InputError("held-out share", self.held_out, "must be in (0, 1)", "Use 0.125.")

    @property
    def training(self) -> int:
        """Number of trajectories for training, which are the first ones."""
        kept = max(1, round(self.trajectories * self.held_out))
        return self.trajectories - kept

    @property
    def total(self) -> int:
        """Intervals to integrate in all."""
        return self.spinup + self.days * self.every


class Archive:
    """An archive of normalised trajectories.

    Args:
        path: folder of the archive.

    Raises:
        InputError: if there is none, or it is not finished.
    """

    def __init__(self, path: Path) -> None:
        progress = _read_progress(path)
        if progress is None:
            raise InputError("data", str(path), "must be an archive", "Make it with: dalab data")
        self.path, self.plan = path, Plan(**progress["plan"])
        self.hash: str = progress["hash"]
        if progress["done"] < self.plan.total:
            raise InputError(
                "data", str(path),
                f"must be complete, and {progress['done']} of {self.plan.total} intervals are",
                "Run dalab data again with the same options: it goes on where it stopped.",
            )
        self.states = zarr.open_array(path / "states", mode="r")

    def training(self) -> np.ndarray:
        """Training trajectories in memory, ``(trajectory, day, lev, y, x)``, float32."""
        return np.asarray(self.states[: self.plan.training])

    def held_out(self) -> np.ndarray:
        """The other trajectories."""
        return np.asarray(self.states[self.plan.training :])


def make_archive(
    path: Path,
    plan: Plan,
    system: System,
    first: Callable[[], Tensor],
    evolve: Evolve,
    observe: Callable[[Tensor], Tensor] = lambda x: x,
) -> Iterator[int]:
    """Integrate, write, and yield the intervals done after every segment.

    Args:
        path: folder to make, or to go on in.
        plan: what is wanted.
        system: to whose shape the kept states belong.
        first: initial states ``(trajectories, ...)``; called only at the very start.
        evolve: integrates them.
        observe: from simulated states to kept ones, such as a coarsening.

    Raises:
        InputError: if the folder holds something else, or another process writes to it.
    """
    with locked(path, "output"):
        progress = _read_progress(path) or _begin(path, plan, system, first)
        if Plan(**progress["plan"]) != plan:
            raise InputError(
                "output", str(path), "holds data of another plan",
                "Use its options, or a new folder.",
            )
        states = zarr.open_array(path / "states", mode="r+")
        while progress["done"] < plan.total:
            progress = _segment(path, plan, progress, evolve, observe, states)
            yield progress["done"]


def _begin(path: Path, plan: Plan, system: System, first: Callable[[], Tensor]) -> dict:
    shape = (plan.trajectories, plan.days, *system.shape)
    if not _is_begun(path, shape):
        raise InputError("output", str(path), "must be empty or an archive", "Use a new folder.")
    zarr.create_array(
        path / "states", shape=shape, chunks=(1, plan.segment, *system.shape), dtype="f4",
        compressors=None, overwrite=True,
    )
    return _commit(path, {"plan": asdict(plan), "done": 0, "hash": ""}, first())


def _is_begun(path: Path, shape: tuple[int, ...]) -> bool:
    """True for an empty folder, or one in which an archive was begun and killed at once."""
    found = {file.name for file in path.iterdir() if not is_own(file)}
    states = path / "states"
    if not found or found == {"states"} and states.is_dir() and not any(states.iterdir()):
        return True
    try:
        begun = zarr.open_array(states, mode="r")
    except (OSError, ValueError):
        return False
    return found <= {"states", "state-0.npy"} and begun.shape == shape


def _segment(
    path: Path, plan: Plan, progress: dict, evolve: Evolve,
    observe: Callable[[Tensor], Tensor], states: zarr.Array,
) -> dict:
    """Integrate up to the next boundary, write what is to be kept, and commit."""
    done = progress["done"]
    x = torch.from_numpy(np.load(path / f"state-{done}.npy"))
    boundary = plan.spinup if done < plan.spinup else plan.total
    count = min(plan.segment * plan.every, boundary - done)
    digest = hashlib.sha256(progress["hash"].encode())
    kept = []
    for step, state in enumerate(evolve(x, count), 1):
        x = state
        if done >= plan.spinup and step % plan.every == 0:
            kept.append(observe(x).float().cpu().numpy())
    if kept:
        block = np.stack(kept, 1)
        start = (done - plan.spinup) // plan.every
        states[:, start : start + len(kept)] = block
        digest.update(block.tobytes())
    return _commit(path, {**progress, "done": done + count, "hash": digest.hexdigest()}, x)


def _commit(path: Path, progress: dict, x: Tensor) -> dict:
    """Make a boundary permanent: the state first, then the record that names it."""
    name = f"state-{progress['done']}.npy"
    np.save(path / name, x.cpu().numpy())
    with replacing(path / "progress.json") as new:
        new.write_text(json.dumps(progress, indent=1))
    for old in path.glob("state-*.npy"):
        if old.name != name:
            old.unlink()
    return progress


def _read_progress(path: Path) -> dict | None:
    try:
        return json.loads((path / "progress.json").read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError("data", str(path), f"cannot be read ({error})", "Make it anew.") from None
