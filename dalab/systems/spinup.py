"""Spin-up from random noise to developed turbulence, and the bundled libraries made by it.

Everything here returns *normalised* states. The whole of a library, from nothing::

    from dalab.systems import qg64
    from dalab.systems.spinup import make_library
    make_library(qg64())

which takes two minutes. ``dalab climatology`` gives priors the seed 0 and libraries the seed 1, so
that no truth ever starts from a trajectory its prior was estimated from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from ..errors import InputError
from ..fields import irfft, rfft
from .base import System
from .library import DATA, save_states
from .parametric import SpunUp
from .qg import QGSystem

Progress = Callable[[int, int], None]
"""Called with the intervals done and the intervals in all."""


def check_spun_up(system: System) -> SpunUp:
    """Check that a system can be spun up, and return it.

    Raises:
        InputError: if it draws its climate without.
    """
    if isinstance(system, SpunUp):
        return system
    raise InputError(
        "system", system.name,
        "must have initial states and a spin-up of its own, as qg64 and sqg64 do",
        "Others need no archive: write data: climate:64x800 in the recipe.",
    )


def _silent(done: int, total: int) -> None:
    pass


def successive_states(
    system: SpunUp, x: Tensor, count: int, progress: Progress = _silent
) -> Iterator[Tensor]:
    """Yield the states 1, 2, ..., ``count`` intervals after ``x``, in one integration.

    Args:
        x: normalised states, ``(trajectories, lev, y, x)``.
        count: intervals to integrate.
        progress: called after every interval.
    """
    for done, state in enumerate(islice(system.integrate(x), count), 1):
        progress(done, count)
        yield state


def integrate(system: SpunUp, x: Tensor, count: int, progress: Progress = _silent) -> Tensor:
    """States ``count`` intervals after ``x``, same shape."""
    last = deque(successive_states(system, x, count, progress), maxlen=1)
    return last[0] if last else x


def spin_up(
    system: SpunUp,
    trajectories: int,
    spinup: int | None = None,
    seed: int = 0,
    progress: Progress = _silent,
) -> Tensor:
    """Developed states from random noise, normalised, ``(trajectories, lev, y, x)``, float32.

    Args:
        trajectories: states wanted.
        spinup: intervals to integrate, the system's own number by default.
        seed: of the noise.
        progress: called after every interval.
    """
    count = system.spinup if spinup is None else spinup
    return integrate(system, system.initial_states(trajectories, seed), count, progress)


def refine(system: QGSystem) -> QGSystem:
    """The same flow on twice the resolution at half the time step, in the same normalisation."""
    name, colon, options = system.name.partition(":")
    return replace(system, name=f"{name}-fine{colon}{options}", model=system.finer_model(2))


def upsample(x: Tensor) -> Tensor:
    """The trigonometric interpolant at the cell centres of twice the resolution, ``(..., 2n, 2n)``.

    The Nyquist row and column are dropped.

    Args:
        x: values at the cell centres, ``(..., n, n)``.
    """
    n = x.shape[-1]
    coarse, half = rfft(x), n // 2
    fine = coarse.new_zeros(*x.shape[:-2], 2 * n, n + 1)
    fine[..., :half, :half] = coarse[..., :half, :half]
    fine[..., 1 - half :, :half] = coarse[..., 1 - half :, :half]
    k = torch.arange(n + 1, dtype=x.dtype, device=x.device)
    l = 2 * n * torch.fft.fftfreq(2 * n, dtype=x.dtype, device=x.device)[:, None]
    half_a_cell = torch.exp(-0.5j * torch.pi * (k + l) / n)
    return 4 * irfft(fine * half_a_cell)


def make_library(
    system: SpunUp,
    *,
    trajectories: int = 8,
    each: int = 8,
    apart: int = 200,
    fine: int = 16,
    fine_days: int = 365,
    spinup: int | None = None,
    seed: int = 1,
    progress: Progress = _silent,
    folder: Path = DATA,
) -> list[Path]:
    """Write the library of a system from nothing, and that of its refinement; return their paths.

    Args:
        trajectories: independent trajectories.
        each: states kept of each, ``apart`` intervals apart.
        fine: states kept on twice the resolution, each ``fine_days`` after a state of the library;
            for systems with such a flow.
        spinup: intervals before the first state, the system's own number by default.
        seed: of the initial noise.
        progress: receives the intervals done of the integration in progress; there are two or
            three of them.
    """
    x = spin_up(system, trajectories, spinup, seed, progress)
    after = enumerate(successive_states(system, x, each * apart, progress), 1)
    states = torch.cat([state for step, state in after if step % apart == 0])
    paths = [save_states(system.name, states, folder)]
    if system.other_solvers:
        finer = refine(cast(QGSystem, system))
        chosen = states[torch.linspace(0, len(states) - 1, fine).long()]
        states = integrate(finer, upsample(chosen), fine_days, progress)
        paths.append(save_states(finer.name, states, folder))
    return paths
