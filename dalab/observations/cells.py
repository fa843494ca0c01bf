r"""Painted cells as a short text, and back.

A pattern of cells of ``days`` steps on ``ny`` x ``nx`` cells is written

    DAYSxNYxNX.CODE

where CODE is the pattern's bits, in the order day, y, x, packed eight to a byte with the first in
the highest place (``numpy.packbits``), compressed by zlib, in URL-safe base64 without padding. A
pattern that is the same on every day has DAYS = 1. The text has no blank, comma, colon, bracket,
quote or equals sign: it stands as it is in a config, on a command line and in a link.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError

LONGEST = 200_000
"""Characters of the longest text that is read."""

LARGEST = 20_000_000
"""Most cells of a pattern, all steps together."""

_FORM = re.compile(r"(\d{1,5})x(\d{1,5})x(\d{1,5})\.([A-Za-z0-9_-]+)")
_REMEDY = "Paint it again on the Sensors tab, or choose another mask."


def distinct(pattern: Tensor) -> Tensor:
    """The steps of a pattern ``(steps, ny, nx)``, or the first if the others are views of it."""
    return pattern[:1] if pattern.stride(0) == 0 else pattern


def is_constant(pattern: Tensor) -> bool:
    """True for a pattern ``(steps, ny, nx)`` that is the same at every step."""
    steps = distinct(pattern)
    return bool((steps == steps[:1]).all())


def check_size(what: str, steps: int, grid: Sequence[int]) -> None:
    """Refuse a pattern of too many cells that is another one at every step.

    Raises:
        InputError: naming the most steps.
    """
    most = max(LARGEST // math.prod(grid), 1)
    if steps > most:
        raise InputError(
            "window", steps, f"must be at most {most} steps on the {grid[0]} x {grid[1]} grid with "
            f"mask {what}, which is another one at each", "Use another mask, or a shorter window.",
        )


def encode(pattern: Tensor) -> str:
    """The text of a boolean pattern ``(days, ny, nx)``; empty if no cell is in it."""
    if not pattern.any():
        return ""
    if is_constant(pattern):
        pattern = pattern[:1]
    size = "x".join(map(str, pattern.shape))
    packed = zlib.compress(np.packbits(pattern.numpy()).tobytes(), 9)
    return f"{size}.{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def decode(text: str, steps: int, grid: Sequence[int]) -> Tensor:
    """The pattern of a text, boolean ``(steps, ny, nx)``.

    Args:
        text: as :func:`encode` makes it.
        steps: steps in the window.
        grid: cells along y and x, (ny, nx).

    Raises:
        InputError: if the text is not of that form, or was painted on another grid or window.
    """
    if not text:
        return torch.zeros(*grid, dtype=torch.bool).expand(steps, *grid)
    form = form_of(text)
    days, ny, nx = (int(number) for number in form.groups()[:3])
    if (ny, nx) != tuple(grid):
        raise _refusal(text, f"is painted on {ny} x {nx} cells, the grid has {grid[0]} x {grid[1]}")
    if days not in (1, steps):
        raise _refusal(text, f"is painted for {days} days, the window has {steps}")
    check_size("painted", days, grid)
    count = days * ny * nx
    bits = np.unpackbits(_unpack(text, form[4], -(-count // 8)), count=count)
    pattern = torch.from_numpy(bits.astype(bool)).reshape(days, ny, nx)
    return pattern.expand(steps, ny, nx)


def form_of(text: str) -> re.Match[str]:
    """The days, the sides of the grid and the code that a text is made of.

    Raises:
        InputError: if it is of another form.
    """
    form = _FORM.fullmatch(text) if len(text) <= LONGEST else None
    if form is None:
        raise _refusal(text, "must be DAYSxNYxNX.CODE, as the Sensors tab writes it")
    return form


def _unpack(text: str, code: str, size: int) -> np.ndarray:
    """The ``size`` bytes that a code stands for; no more are ever made."""
    inflate = zlib.decompressobj()
    try:
        packed = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
        found = inflate.decompress(packed, size + 1)
    except (binascii.Error, zlib.error):
        found = b""
    if len(found) != size or not inflate.eof:
        raise _refusal(text, "has a damaged CODE")
    return np.frombuffer(found, np.uint8)


def _refusal(text: str, bound: str) -> InputError:
    short = text if len(text) <= 40 else f"{text[:37]}..."
    return InputError("painted cells", short, bound, _REMEDY)
