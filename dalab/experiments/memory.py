"""Memory of a machine, and windows that it cannot hold."""

from __future__ import annotations

import math

import torch

from ..errors import InputError
from ..machine import available_memory
from ..systems.base import System
from .device import choose_device

WINDOWS = 10
"""Windows in memory at least: truth, masks, data and one member of a method."""

COVARIANCES = 12
"""Covariances of a window per wavenumber in memory, in single precision."""


def check_window(system: System, steps: int, device: str | torch.device) -> None:
    """Refuse a window that no member of any method fits into, before anything is made for it.

    Args:
        system: the system.
        steps: states in the window.
        device: where the methods compute.

    Raises:
        InputError: naming the longest window that would fit.
    """
    each = 4 * WINDOWS * math.prod(system.shape)
    free = free_bytes(choose_device(device))
    if steps * each > free:
        raise _too_long(steps, steps * each, free, free // each)


def check_extension(window: tuple[int, ...], steps: int) -> None:
    """Refuse a window whose covariance does not fit into memory where it is longer than a prior's.

    Args:
        window: shape of the windows of the prior, (time, lev, y, x).
        steps: states in the window.

    Raises:
        InputError: naming the longest window that would fit.
    """
    length, lev, ny, nx = window
    each = 8 * COVARIANCES * ny * (nx // 2 + 1) * lev**2
    free = free_bytes(torch.device("cpu"))
    if steps > length and steps**2 * each > free:
        raise _too_long(steps, steps**2 * each, free, max(math.isqrt(free // each), length))


SERIES = 32
"""Scores of every cycle and repeat in memory, and copies of them in the result."""


def check_cycles(cycles: int, repeats: int) -> None:
    """Refuse cycles whose scores do not fit into memory.

    Args:
        cycles: analyses.
        repeats: independent truths.

    Raises:
        InputError: naming the number of cycles that would fit.
    """
    each, free = 2 * 8 * SERIES * repeats, free_bytes(torch.device("cpu"))
    if cycles * each > free:
        raise InputError(
            "cycles", cycles, f"have scores that need {gigabytes(cycles * each)} of memory with "
            f"{repeats} repeats, and {gigabytes(free)} are free",
            f"Use at most {free // each} cycles, or fewer repeats.",
        )


def _too_long(steps: int, needed: int, free: int, longest: int) -> InputError:
    return InputError(
        "window", steps, f"needs about {gigabytes(needed)} of memory, and {gigabytes(free)} are "
        "free", f"Use at most {longest} states, or a smaller grid.",
    )


def free_bytes(device: torch.device) -> int:
    """Return the free memory of a device or of the machine [bytes]."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return available_memory()


def gigabytes(count: int) -> str:
    """Write a number of bytes as gigabytes."""
    return f"{count / 2**30:.3g} GB"
