"""Simulation of flow for an archive, from noise on; of two-layer flow on a finer grid if wanted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .archive import Archive, Plan, make_archive
from .library import load_states
from .parametric import SpunUp
from .pyqg_truth import block_mean
from .qg import QGSystem
from .spinup import refine, successive_states, upsample


def plan_for(
    system: SpunUp, trajectories: int, days: int, *, simulate_at: int | None = None,
    spinup: int | None = None, seed: int = 0, start: str = "noise", every: int = 1,
) -> Plan:
    """The plan of an archive of a system.

    Args:
        system: whose states are kept.
        trajectories: independent trajectories.
        days: states kept of each.
        simulate_at: cells along a side of the simulation: the system's own or, for two-layer flow,
            twice as many; a finer simulation is averaged over 2 x 2 cells, as the published
            protocol does.
        spinup: intervals before the first state, the system's own number by default.
        seed: of the initial noise.
        start: ``noise``, the name of a library of states, or an archive whose last states are
            taken; states are interpolated to the grid.
        every: intervals between two kept states.

    Raises:
        InputError: if a number is out of its bounds.
    """
    n, pooled = system.shape[-1], isinstance(system, QGSystem) and system.pooled
    at = simulate_at or (2 * n if pooled else n)
    if at != n and not (at == 2 * n and system.other_solvers):
        allowed = f"{n} or {2 * n}" if system.other_solvers else f"{n}"
        raise InputError("simulate-at", at, f"must be {allowed}", f"Use {n}.")
    how = f"simulated at {at} x {at}" + (", averaged over 2 x 2 cells" if at > n else "")
    return Plan(
        system=system.name, trajectories=trajectories, days=days,
        spinup=system.spinup if spinup is None else spinup, seed=seed, source=how, start=start,
        every=every,
    )


def simulate(path: Path, plan: Plan, system: SpunUp, device: torch.device) -> Iterator[int]:
    """Make the archive, or go on with it; yields the intervals done after every segment.

    Raises:
        InputError: if the folder holds something else.
    """
    fine = plan.source.endswith("cells")
    flow = refine(cast(QGSystem, system)) if fine else system

    def evolve(x: Tensor, count: int) -> Iterator[Tensor]:
        return successive_states(flow, x.to(device), count)

    return make_archive(
        path, plan, system, lambda: initial_states(flow, plan), evolve,
        lambda x: block_mean(x, 2 if fine else 1),
    )


def initial_states(flow: SpunUp, plan: Plan) -> Tensor:
    """The initial states of a plan, ``(trajectories, lev, y, x)``.

    States of a library, or the last ones of an archive, are interpolated to the grid and rescaled
    to the units of ``flow``; their small scales fill up within weeks. Each is used once.

    Raises:
        InputError: if there are too few states.
    """
    if plan.start == "noise":
        return flow.initial_states(plan.trajectories, plan.seed)
    name, states = source_states(plan.start)
    if len(states) < plan.trajectories:
        raise InputError(
            "trajectories", plan.trajectories, f"must be at most the {len(states)} states of "
            f"{plan.start}", "Start from noise, or choose another library.",
        )
    from . import SYSTEMS

    units = SYSTEMS.make(name).scale / flow.scale
    x = states[torch.linspace(0, len(states) - 1, plan.trajectories).long()] * units.float()
    while x.shape[-1] < flow.shape[-1]:
        x = upsample(x)
    return x


def source_states(start: str) -> tuple[str, Tensor]:
    """The system and the states of a library, or of the last day of an archive's trajectories."""
    if Path(start).is_dir():
        archive = Archive(Path(start))
        return archive.plan.system, torch.from_numpy(np.asarray(archive.states[:, -1]))
    return start.replace("-fine", ""), load_states(start)
