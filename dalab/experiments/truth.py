"""Where true windows come from.

A source of the registry starts from a spun-up state of the shipped library, moved by symmetries of
the equations (a periodic shift, and for one seed in two the mirror image), and integrates it for 20
to 40 days that the seed decides, so that every seed is a new piece of turbulence. A system that can
draw states of its own climate, as the Lorenz systems can, starts from one of these; it has the
source ``model`` alone.

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

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..random import stream
from ..registry import lookup
from ..systems import Climate, QGSystem, System
from ..systems.library import library_names, load_states
from ..systems.pyqg_truth import block_mean, pyqg_snapshots
from ..systems.spinup import refined, upsampled
from .truth_file import read_window


def mirrored(x: Tensor) -> Tensor:
    """Mirror image of a two-layer QG flow in y, an exact symmetry of its equations.

    Anomalies obey q(x, y) -> -q(x, -y). The domain mean, which nothing ever changes, is kept.

    Args:
        x: PV, ``(..., y, x)``.
    """
    return 2 * x.mean((-2, -1), keepdim=True) - x.flip(-2)


def shifted(x: Tensor, dy: int, dx: int) -> Tensor:
    """``x`` moved by ``dy`` rows and ``dx`` columns around the periodic domain."""
    return x.roll((dy, dx), (-2, -1))


def start(library: str, seed: int) -> Tensor:
    """A spun-up state for a seed, normalised, ``(lev, y, x)``, float64."""
    states, generator = load_states(library).double(), stream(seed, "truth", "state")

    def draw(high: int) -> int:
        return int(torch.randint(high, (), generator=generator))

    x = states[draw(len(states))]
    x = shifted(x, draw(x.shape[-2]), draw(x.shape[-1]))
    return mirrored(x) if draw(2) else x


def lead(seed: int) -> int:
    """Days integrated before the window opens, 20 to 40."""
    return int(torch.randint(20, 41, (), generator=stream(seed, "truth", "lead")))


@lru_cache(maxsize=8)
def _integrated(system: System, steps: int, seed: int, *, fine: bool, pyqg: bool) -> Tensor:
    if not isinstance(system, QGSystem):
        raise InputError("system", system.name, "must be two-layer QG for this truth", "Use qg64.")
    finer = refined(system) if fine else system
    scale = finer.scale
    own = not fine or finer.name in library_names()
    state = start(finer.name, seed) if own else upsampled(start(system.name, seed))
    q, days, every = state * scale, lead(seed), finer.steps_per_interval
    snapshots = pyqg_snapshots if pyqg else type(finer.model).snapshots
    with torch.no_grad():
        opening = snapshots(finer.model, q, 2, days * every)[-1]
        window = snapshots(finer.model, opening, steps, every)
    return block_mean(window, finer.model.nx // system.model.nx) / scale


def model(system: System, steps: int, seed: int) -> Tensor:
    """Truth from the lab's own solver: the forecast model is perfect, but for its noise."""
    if isinstance(system, Climate):
        x = system.spun_up(1, stream(seed, "truth", "state"))[0]
        return system.trajectory(x, steps, stream(seed, "truth", "noise"))
    return _integrated(system, steps, seed, fine=False, pyqg=False)


def pyqg(system: System, steps: int, seed: int) -> Tensor:
    """Truth from pyqg on the same grid: the same equations from independent code."""
    return _integrated(system, steps, seed, fine=False, pyqg=True)


def model_fine(system: System, steps: int, seed: int) -> Tensor:
    """Truth from twice the resolution, averaged over 2 x 2 cells: the forecast model errs."""
    return _integrated(system, steps, seed, fine=True, pyqg=False)


def pyqg_fine(system: System, steps: int, seed: int) -> Tensor:
    """Truth from pyqg on twice the resolution, averaged over 2 x 2 cells."""
    return _integrated(system, steps, seed, fine=True, pyqg=True)


TRUTHS: dict[str, Callable[[System, int, int], Tensor]] = {
    "model": model,
    "pyqg": pyqg,
    "model-fine": model_fine,
    "pyqg-fine": pyqg_fine,
}
"""Window ``(steps, lev, y, x)``, normalised, from a system, a number of steps and a seed."""


def draw_truth(source: str | Path, system: System, steps: int, seed: int) -> Tensor:
    """A true window, normalised, ``(steps, lev, y, x)``, float32.

    Args:
        source: a name of :data:`TRUTHS`, or the path of a NetCDF file or Zarr store of PV in the
            layout of pyqg's ``to_dataset()``.
        system: whose states and normalisation are wanted.
        steps: states in the window, one every ``system.interval``.
        seed: of everything random. In a file, seed 0 takes the window at its beginning, seed 1
            the next window that does not overlap it, and so on, starting again after the last.

    Raises:
        InputError: for an unknown source, a file that cannot serve, or pyqg missing.
    """
    if source in TRUTHS:
        return TRUTHS[str(source)](system, steps, seed).float()
    path = Path(source)
    if not path.exists() and not path.suffix:
        lookup("truth", str(source), TRUTHS)
    return read_window(path, system, steps, seed)
