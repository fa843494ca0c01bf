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
from pathlib import Path

import torch
from torch import Tensor

from ..fields import irfft, rfft
from ..random import stream
from .library import DATA, save_states
from .qg import QGSystem

Progress = Callable[[int, int], None]
"""Called with the days done and the days in all."""

FIVE_YEARS = 5 * 365


def _silent(done: int, total: int) -> None:
    pass


def initial_noise(system: QGSystem, trajectories: int, seed: int) -> Tensor:
    """Initial states, normalised, ``(trajectories, lev, y, x)``, float32.

    White noise below 1e-7 1/s plus noise below 1e-6 1/s that depends on x alone in the upper layer,
    nothing in the lower one (arXiv 2407.21314). A trajectory does not depend on how many there are.
    """
    n = system.model.nx
    q = torch.zeros(trajectories, *system.shape)
    for i in range(trajectories):
        generator = stream(seed, "initial state", i)
        q[i, 0] = 1e-7 * torch.rand(n, n, generator=generator)
        q[i, 0] += 1e-6 * torch.rand(n, generator=generator)
    return q / system.scale.to(q)


def integrate_daily(
    system: QGSystem, x: Tensor, days: int, progress: Progress = _silent
) -> Iterator[Tensor]:
    """Yield the states 1, 2, ..., ``days`` intervals after ``x``, in one integration.

    Args:
        x: normalised states, ``(trajectories, lev, y, x)``.
        days: intervals to integrate.
        progress: called after every interval.
    """
    scale = system.scale.to(x)
    stepper = system.model.stepper(x * scale)
    for day in range(days):
        for _ in range(system.steps_per_interval):
            with torch.no_grad():
                q = next(stepper)
        progress(day + 1, days)
        yield q / scale


def integrate(system: QGSystem, x: Tensor, days: int, progress: Progress = _silent) -> Tensor:
    """States ``days`` intervals after ``x``, same shape."""
    last = deque(integrate_daily(system, x, days, progress), maxlen=1)
    return last[0] if last else x


def spin_up(
    system: QGSystem,
    trajectories: int,
    spinup_days: int = FIVE_YEARS,
    seed: int = 0,
    progress: Progress = _silent,
) -> Tensor:
    """Developed states from random noise, normalised, ``(trajectories, lev, y, x)``, float32."""
    return integrate(system, initial_noise(system, trajectories, seed), spinup_days, progress)


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
    system: QGSystem,
    *,
    trajectories: int = 8,
    each: int = 8,
    apart: int = 200,
    fine: int = 16,
    fine_days: int = 365,
    spinup_days: int = FIVE_YEARS,
    seed: int = 1,
    progress: Progress = _silent,
    folder: Path = DATA,
) -> list[Path]:
    """Write the libraries of a system and of its refinement from nothing; return their paths.

    Args:
        trajectories: independent trajectories.
        each: states kept of each, ``apart`` intervals apart.
        fine: states kept on twice the resolution, each ``fine_days`` after a state of the library.
        spinup_days: intervals before the first state.
        seed: of the initial noise.
        progress: receives the days done of the integration in progress; there are three of them.
    """
    x = spin_up(system, trajectories, spinup_days, seed, progress)
    days = enumerate(integrate_daily(system, x, each * apart, progress))
    states = torch.cat([state for day, state in days if day % apart == apart - 1])
    chosen = states[torch.linspace(0, len(states) - 1, fine).long()]
    finer = integrate(refine(system), upsample(chosen), fine_days, progress)
    return [
        save_states(system.name, states, folder),
        save_states(refine(system).name, finer, folder),
    ]
