"""New pieces of turbulence from the bundled states: moved by symmetries, then left to evolve.

A state of the library is moved by symmetries of the equations (a periodic shift, and half of the
time the mirror image) and integrated for 20 to 40 days, so that every draw is a new piece of
turbulence.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .library import load_states


def mirror(x: Tensor) -> Tensor:
    """Mirror image of a two-layer QG flow in y, an exact symmetry of its equations.

    Anomalies obey q(x, y) -> -q(x, -y). The domain mean, which nothing ever changes, is kept.

    Args:
        x: PV, ``(..., y, x)``.
    """
    return 2 * x.mean((-2, -1), keepdim=True) - x.flip(-2)


def shift(x: Tensor, dy: int, dx: int) -> Tensor:
    """``x`` moved by ``dy`` rows and ``dx`` columns around the periodic domain."""
    return x.roll((dy, dx), (-2, -1))


def draw_states(library: str, count: int, generator: torch.Generator) -> Tensor:
    """Images of bundled states under symmetries, normalised, ``(count, lev, y, x)``, float64.

    Args:
        library: name of the library.
        count: states wanted.
        generator: decides which states, and how they are moved.

    Raises:
        InputError: if no library has that name.
    """
    return draw_images(load_states(library).double(), count, generator)


def draw_images(states: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Images of states under symmetries, ``(count, lev, y, x)``.

    Args:
        states: normalised, ``(states, lev, y, x)``.
        count: images wanted.
        generator: decides which states, and how they are moved.
    """
    return torch.stack([_image(states, generator) for _ in range(count)])


def draw_lead(generator: torch.Generator) -> int:
    """Days to integrate before a drawn state is used, 20 to 40."""
    return int(torch.randint(20, 41, (), generator=generator))


def _image(states: Tensor, generator: torch.Generator) -> Tensor:
    def draw(high: int) -> int:
        return int(torch.randint(high, (), generator=generator))

    x = states[draw(len(states))]
    x = shift(x, draw(x.shape[-2]), draw(x.shape[-1]))
    return mirror(x) if draw(2) else x
