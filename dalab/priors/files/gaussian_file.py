"""Gaussian priors on disk: safetensors with a header that describes the numbers. Never pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError
from ..covariance import FLOOR
from ..denoisers.rings import ring_index, ring_means
from ..gaussian import GaussianPrior
from .tensors import open_prior, read_prior, save_prior

FORMAT = "dalab-gaussian-prior-1"

MOST = 4 << 30
"""Most bytes of the covariances of a window."""


def save_gaussian(path: Path, matrices: Tensor, *, fields: tuple[int, int], facts: dict) -> None:
    """Write the covariance of a Gaussian prior on a square grid.

    Args:
        path: file to write.
        matrices: complex ``(n, n/2 + 1, c, c)`` with C(k, l) = C(k, -l).
        fields: (time, lev).
        facts: origin of the numbers, for the header.
    """
    header = {"format": FORMAT, "n": matrices.shape[0], "fields": list(fields), **facts}
    save_prior(path, pack(matrices), header)


def load_gaussian(path: Path, name: str) -> GaussianPrior:
    """Read a Gaussian prior from its file.

    Raises:
        InputError: if the file is missing, truncated, changed or not one of dalab's.
    """
    with open_prior(path) as file:
        header = check_header(path, file.header)
        n, (time, lev) = header["n"], header["fields"]
        tensors = read_prior(path, file)
        window = (time, lev, n, n)
        return GaussianPrior(unpack(tensors, window), window, name).float()


def make_isotropic(matrices: Tensor, beyond: int) -> Tensor:
    """Average covariances ``(ny, nx//2 + 1, c, c)`` over each outer ring of wavenumbers.

    Small scales of developed turbulence are isotropic, which makes up for few windows.

    Args:
        matrices: the covariances of all wavenumbers.
        beyond: the last ring whose wavenumbers keep their own.
    """
    rings = ring_index(matrices.shape[0], 2 * (matrices.shape[1] - 1))
    means = ring_means(matrices).to(matrices)[rings]
    return torch.where((rings > beyond)[..., None, None], means, matrices)


def pack(
    matrices: Tensor, dtype: torch.dtype = torch.float32, beyond: int | None = None
) -> dict[str, Tensor]:
    """Store C(k) as Cholesky factors, which keep the small eigenvalues in few digits.

    The mirror symmetry and the triangular shape leave a quarter of the numbers to store.
    Wavenumbers that hold hardly more than the floor that every estimate has are left out.

    Args:
        matrices: complex ``(ny, nx//2 + 1, c, c)`` with C(k, l) = C(k, -l).
        dtype: of the numbers stored.
        beyond: the last ring whose wavenumbers have their own, see :func:`make_isotropic`.
    """
    ny, c = matrices.shape[0], matrices.shape[-1]
    row, column = torch.tril_indices(c, c)
    half = matrices[: ny // 2 + 1]
    kept = torch.diagonal(half, dim1=-2, dim2=-1).real.mean(-1) > 2 * FLOOR
    rings = {}
    if beyond is not None:
        kept &= ring_index(ny, 2 * (matrices.shape[1] - 1))[: ny // 2 + 1] <= beyond
        outer = torch.linalg.cholesky(ring_means(matrices)[beyond + 1 :])
        rings["rings"] = outer[:, row, column].to(dtype)
    factors = torch.linalg.cholesky(half[kept])[:, row, column]
    return {
        "real": factors.real.to(dtype).contiguous(), "imag": factors.imag.to(dtype).contiguous(),
        "kept": kept.to(torch.uint8), **rings,
    }


def unpack(tensors: Mapping[str, Tensor], window: tuple[int, ...]) -> Tensor:
    """Inverse of :func:`pack`: complex128 matrices ``(ny, nx//2 + 1, c, c)``.

    Args:
        tensors: result of :func:`pack`.
        window: shape of a window, (time, lev, ny, nx).
    """
    factors = torch.complex(tensors["real"].double(), tensors["imag"].double())
    time, lev, ny, _ = window
    c = time * lev
    _check_memory(c, ny)
    if "kept" not in tensors:  # files that hold every wavenumber
        tensors = {"kept": torch.ones(factors.shape[:2], dtype=torch.uint8)}
        factors = factors.flatten(0, 1)
    kept = tensors["kept"].bool()
    half = (FLOOR * torch.eye(c, dtype=factors.dtype)).expand(*kept.shape, c, c).clone()
    half[kept] = _multiply_factors(factors, c)
    if "rings" in tensors:
        rings = ring_index(*window[2:])[: len(half)]
        beyond = int(rings.max()) - len(tensors["rings"])
        outer = rings > beyond
        half[outer] = _multiply_factors(tensors["rings"].to(half), c)[rings[outer] - beyond - 1]
    return half[(torch.fft.fftfreq(ny) * ny).abs().round().long()]


def _check_memory(c: int, ny: int) -> None:
    """Refuse windows whose covariances would not fit into memory."""
    size = 16 * c**2 * (ny // 2 + 1) ** 2
    if size > MOST:
        raise InputError(
            "covariances of the prior [MB]", round(size / 1e6), f"must be at most {MOST / 1e6:.0f}",
            "Use a shorter window.",
        )


def _multiply_factors(factors: Tensor, c: int) -> Tensor:
    """Multiply lower triangles ``(count, numbers)`` with their adjoints: ``(count, c, c)``."""
    row, column = torch.tril_indices(c, c)
    lower = factors.new_zeros(len(factors), c, c)
    lower[:, row, column] = factors
    return lower @ lower.mH


def read_header(path: Path, kind: str = FORMAT) -> dict:
    """Read the header of a prior's file, and nothing else of it.

    Args:
        path: the file.
        kind: the format it must have.

    Raises:
        InputError: if the file is missing, truncated or not one of dalab's.
    """
    with open_prior(path) as file:
        return check_header(path, file.header, kind)


def check_header(path: Path, header: Any, kind: str = FORMAT) -> dict:
    """Return the header of a prior's file, if it has one.

    Args:
        path: the file.
        header: plain data in it.
        kind: the format it must have.

    Raises:
        InputError: if there is none, or it is of another format.
    """
    if not isinstance(header, dict) or header.get("format") != kind:
        raise InputError(
            "prior file", str(path), f"must have the format {kind}", "Make it with this version."
        )
    return header
