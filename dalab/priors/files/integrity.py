"""Signs that the file of a prior is what was once written.

The header of a file holds the SHA-256 of itself and of all tensors, and, for a trained prior, the
error of its denoiser on a window that is drawn from its own Gaussian with a fixed seed. A file
without them is held to the climate: no denoiser is worse than the climatological mean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError
from ...random import MemberStreams, stream
from ..denoisers.residual import ResidualPrior

CHECKSUM, ERROR = "sha256", "check_error"
"""Names in a header of the checksum, and of the error of :func:`denoising_error`."""

SIGMA = 0.5
"""Noise level of the check, in climatological standard deviations."""

TOLERANCE = 0.05
"""Relative difference of errors that half precision and other hardware may make."""

REMEDY = "Copy it again from its origin, or make it anew."


def checksum(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Compute the SHA-256 of a header and of tensors with their names, types and shapes.

    Args:
        header: plain data, as JSON holds it; its own checksum is left out.
        tensors: the tensors, on the CPU.
    """
    plain = {key: value for key, value in header.items() if key != CHECKSUM}
    found = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def check_tensors(path: Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Check that the numbers of a file are finite, and those that its header is about.

    Args:
        path: the file.
        header: plain data in it.
        tensors: all tensors in it.

    Raises:
        InputError: if they are not.
    """
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise damaged(path, f"must hold finite numbers, and {name} does not")
    known = header.get(CHECKSUM)
    if known is not None and known != checksum(header, tensors):
        raise damaged(path, "must be unchanged, and its checksum is another")


@torch.no_grad()
def denoising_error(prior: ResidualPrior) -> tuple[float, float]:
    """Compute the RMSE of a denoiser, and of the climatological mean, on one window.

    The window is drawn from the Gaussian of the prior, and is always the same.
    """
    device = prior.gaussian.eigenvalues.device
    clean = prior.gaussian.sample_climatology(MemberStreams(0, 1, device))
    noise = torch.randn(clean.shape, generator=stream(0, "check of a prior")).to(clean)
    error = prior.denoise(clean + SIGMA * noise, SIGMA) - clean
    return float(error.square().mean().sqrt()), float(clean.square().mean().sqrt())


def check_denoising(path: Path, prior: ResidualPrior, header: Mapping[str, Any]) -> float:
    """Check that a trained prior denoises as it did when its file was written; return the error.

    Args:
        path: the file.
        prior: the prior in it.
        header: plain data in it.

    Raises:
        InputError: if it does not, or if it is worse than the climatological mean.
    """
    (found, climate), known = denoising_error(prior), header.get(ERROR)
    if not found <= climate:
        raise damaged(
            path, f"must denoise better than the climatological mean, whose error is {climate:.3g},"
            f" and its own is {found:.3g} at noise {SIGMA:g}",
        )
    if isinstance(known, float) and not abs(found - known) <= TOLERANCE * known:
        raise damaged(path, f"must denoise with the error {known:.4g}, not {found:.4g}")
    return found


def damaged(path: Path, why: str) -> InputError:
    """Error about a file that is not what was once written."""
    return InputError("prior file", str(path), why, REMEDY)
