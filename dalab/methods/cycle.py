"""What the methods that cycle a forecast model through the window share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..priors.spectral import SpectralCovariance


def pad(analyses: Sequence[Tensor], total: int) -> Tensor:
    """A whole window from the first analyses: the last one stands in for the steps to come.

    Args:
        analyses: states ``(members, lev, y, x)`` of steps 0, 1, ...
        total: steps in the window.

    Returns:
        ``(members, total, lev, y, x)``.
    """
    missing = total - len(analyses)
    return torch.stack([*analyses, *[analyses[-1]] * missing], dim=1)


def white(like: SpectralCovariance, std: float) -> SpectralCovariance:
    """White covariance of standard deviation ``std``, shaped like another one."""
    eye = torch.eye(like.matrices.shape[-1], dtype=like.matrices.dtype)
    matrices = (std**2 * eye).to(like.matrices.device).expand_as(like.matrices)
    return SpectralCovariance(matrices.contiguous(), like.window)
