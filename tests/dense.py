"""Exact answers by brute force: small linear maps written out as matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def matrix(linear: Callable[[Tensor], Tensor], shape: Sequence[int]) -> Tensor:
    """Matrix of a linear map from ``(batch, *shape)``, float64, ``(outputs, inputs)``."""
    size = torch.Size(shape).numel()
    basis = torch.eye(size, dtype=torch.float64).reshape(size, *shape)
    return linear(basis).flatten(1).T


def posterior(mean: Tensor, C: Tensor, H: Tensor, R: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of N(mean, C) given y = H x + N(0, diag R)."""
    gain = C @ H.T @ torch.linalg.inv(H @ C @ H.T + torch.diag(R))
    return mean + gain @ (y - H @ mean), C - gain @ H @ C
