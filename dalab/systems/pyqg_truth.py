"""The real pyqg behind the interface of :class:`~dalab.systems.TwoLayerQG`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError
from ..interruption import check_interruption
from .two_layer_qg import TwoLayerQG

if TYPE_CHECKING:
    import pyqg

_PLANNING = threading.Lock()  # FFTW plans one transform at a time


def pyqg_model(model: TwoLayerQG, threads: int = 1) -> pyqg.QGModel:
    """pyqg's own model with the parameters of ``model``, silent and without diagnostics.

    Args:
        model: parameters.
        threads: threads of its Fourier transforms.

    Raises:
        InputError: if pyqg is not installed.
    """
    try:
        import pyqg
    except ImportError:
        raise InputError(
            "pyqg", "not installed", "must be importable",
            "Run `make install`, or `conda install -c conda-forge pyqg`, or choose a truth that "
            "does not need it.",
        ) from None
    with _PLANNING:
        return pyqg.QGModel(
            nx=model.nx, L=model.L, dt=model.dt, beta=model.beta, rd=model.rd, delta=model.delta,
            U1=model.U1, U2=model.U2, rek=model.rek, filterfac=model.filterfac,
            tavestart=float("inf"), ntd=threads, log_level=0,
        )


def pyqg_snapshots(model: TwoLayerQG, q: Tensor, count: int, every: int) -> Tensor:
    """``q`` and its state after every ``every`` steps of pyqg, ``(..., count, 2, nx, nx)``.

    The same as ``model.snapshots``, computed by pyqg in float64, one member after the other.

    Args:
        model: parameters.
        q: PV [1/s], ``(..., 2, nx, nx)``; the result has its precision and device.
        count: states to return, ``q`` included.
        every: time steps between them.

    Raises:
        InputError: if pyqg is not installed or the shape does not fit the grid.
    """
    model.check(q)
    members = q.detach().to("cpu", torch.float64).reshape(-1, *q.shape[-3:])
    windows = torch.stack([_window(pyqg_model(model), member, count, every) for member in members])
    return windows.reshape(*q.shape[:-3], *windows.shape[1:]).to(q)


def _window(reference: pyqg.QGModel, q: Tensor, count: int, every: int) -> Tensor:
    reference.q = q.numpy()
    kept = [q]
    for _ in range(count - 1):
        for _ in range(every):
            check_interruption()
            reference._step_forward()
        kept.append(torch.from_numpy(reference.q.copy()))
    return torch.stack(kept)


def block_mean(q: Tensor, factor: int) -> Tensor:
    """Mean over blocks of ``factor`` x ``factor`` cells, ``(..., n, n) -> (..., n/f, n/f)``.

    Raises:
        InputError: if ``factor`` does not divide the grid.
    """
    n = q.shape[-1]
    if factor < 1 or n % factor:
        raise InputError("block size", factor, f"must divide the grid of {n} cells", "Use 2.")
    blocks = q.reshape(*q.shape[:-2], n // factor, factor, n // factor, factor)
    return blocks.mean((-3, -1))
