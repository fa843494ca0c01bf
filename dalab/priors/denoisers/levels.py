"""Noise levels of windows: their shapes, and the scale of a denoiser's error."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def broadcast_level(sigma: Tensor, x: Tensor) -> Tensor:
    """Shape levels ``(batch,)`` to broadcast with windows."""
    return sigma.to(x).view(-1, *[1] * (x.ndim - 1))


def error_scale(level: Tensor) -> Tensor:
    """Scale of a denoiser's error at a noise level: its size for white windows."""
    return level / (1 + level**2).sqrt()


def joint_level(sigma: Tensor, std: Tensor) -> Tensor:
    """Noise level of two independent noisy views together."""
    return (sigma**-2 + std**-2) ** -0.5


def map_windows(
    estimate: Callable[[Tensor, Tensor], Tensor], x: Tensor, sigma: Tensor | float,
    window: Sequence[int],
) -> Tensor:
    """Apply a function of batches to windows and levels of any leading shape.

    Args:
        estimate: function of ``(batch, *window)`` and levels ``(batch,)`` that keeps the shape of
            the windows.
        x: ``(..., *window)``.
        sigma: a scalar, or one for every window, shaped to broadcast with ``x``.
        window: shape of a window.
    """
    windows = x.reshape(-1, *window)
    levels = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
    if levels.ndim:
        levels = levels.expand(*x.shape[: -len(window)], *[1] * len(window)).flatten()
    return estimate(windows, levels.expand(len(windows))).view_as(x)
