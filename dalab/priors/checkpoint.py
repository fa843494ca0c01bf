"""Priors on disk: safetensors with a header that says what the numbers are."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import InputError
from .gaussian import GaussianPrior

FORMAT = "dalab-gaussian-prior-1"


def save_gaussian(path: Path, matrices: Tensor, *, fields: tuple[int, int], facts: dict) -> None:
    """Write C(k) as Cholesky factors, which keep the small eigenvalues in float32.

    The mirror symmetry and the triangular shape leave a quarter of the numbers to store.

    Args:
        path: file to write.
        matrices: complex ``(n, n/2 + 1, c, c)`` with C(k, l) = C(k, -l).
        fields: (time, lev).
        facts: where the numbers come from; goes into the header.
    """
    n, c = matrices.shape[0], matrices.shape[-1]
    row, column = torch.tril_indices(c, c)
    half = torch.linalg.cholesky(matrices[: n // 2 + 1])[..., row, column]
    header = {"format": FORMAT, "n": n, "fields": list(fields), **facts}
    tensors = {"real": half.real.float().contiguous(), "imag": half.imag.float().contiguous()}
    save_file(tensors, path, metadata={"dalab": json.dumps(header)})


def read_header(path: Path) -> dict:
    """The header of a prior's file.

    Raises:
        InputError: if the file is missing, truncated or not one of dalab's.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("dalab", "{}"))
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise InputError(
            "prior file", str(path), f"cannot be read ({error})", "Make it anew."
        ) from None
    if header.get("format") != FORMAT:
        raise InputError(
            "prior file", str(path), f"must have the format {FORMAT}", "Make it with this version."
        )
    return header


def load_gaussian(path: Path, name: str) -> GaussianPrior:
    """Read a prior that :func:`save_gaussian` wrote.

    Raises:
        InputError: if the file is missing, truncated or not one of dalab's.
    """
    header = read_header(path)
    n, (time, lev) = header["n"], header["fields"]
    with safe_open(path, framework="pt") as file:
        half = torch.complex(file.get_tensor("real").double(), file.get_tensor("imag").double())
    c = time * lev
    row, column = torch.tril_indices(c, c)
    factor = half.new_zeros(*half.shape[:2], c, c)
    factor[..., row, column] = half
    matrices = (factor @ factor.mH)[(torch.fft.fftfreq(n) * n).abs().round().long()]
    return GaussianPrior(matrices, (time, lev, n, n), name).float()
