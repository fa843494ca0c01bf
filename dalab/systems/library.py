"""Bundled libraries of developed states, which spare a new truth its spin-up.

A library is one ``data/NAME.npz`` holding ``states``, normalised as the system of that name has
them and rounded to half precision. Rounding disturbs a state by less than one part in a thousand of
its standard deviation, which the filter and the enstrophy cascade forget within days; integrate for
some weeks before calling a state a truth. :mod:`dalab.systems.spinup` makes the files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..files import replacing

DATA = Path(__file__).parent / "data"


def library_names() -> list[str]:
    """Names that :func:`load_states` knows."""
    return sorted(path.stem for path in DATA.glob("*.npz"))


def load_states(name: str) -> Tensor:
    """Normalised spun-up states of a library, ``(count, lev, y, x)``, float32.

    Args:
        name: a system such as ``"qg64"``, or ``"qg64-fine"`` for its flow on twice the resolution,
            in the normalisation of the system itself.

    Raises:
        InputError: if no library has that name.
    """
    path = DATA / f"{name}.npz"
    if not path.is_file():
        raise InputError(
            "state library", name, f"must be one of {', '.join(library_names()) or 'none yet'}",
            f"Register the system and make it with: dalab climatology {name.replace('-fine', '')}",
        )
    with np.load(path) as file:
        return torch.from_numpy(file["states"].astype(np.float32))


def save_states(name: str, states: Tensor, folder: Path = DATA) -> Path:
    """Write normalised states ``(count, lev, y, x)`` as a library; return the path of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    with replacing(path) as new:
        np.savez_compressed(new, states=states.cpu().numpy().astype(np.float16))
    return path
