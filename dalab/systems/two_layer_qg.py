r"""Two-layer quasi-geostrophic flow, batched and differentiable.

The equations and the discrete scheme of pyqg, in torch: flux-form pseudo-spectral advection,
third-order Adams-Bashforth with a self-start, and an exponential filter applied after every step,

.. math::
    \partial_t q_i + \nabla \cdot [(\mathbf{u}_i + U_i \hat x) q_i] + Q_{y,i} \partial_x \psi_i
    = -\delta_{i2} \, r_{ek} \nabla^2 \psi_2 + \mathrm{ssd} .

Trajectories agree with pyqg to round-off in float64. Anything that can be stacked is advanced
together: states are ``(..., lev=2, y, x)`` with any leading axes, on any device.

Arithmetic runs on one complex field per member, q_1 + i q_2, whose real multiplications act on both
layers at once; nothing passes from one member to another.

References:
    | pyqg: Python Quasigeostrophic Model, https://pyqg.readthedocs.io
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import torch
from torch import Tensor

from ..errors import InputError
from ..fields import Grid, Layers
from ..interruption import check_interruption
from ..option_fields import positive, real
from .parametric import check_options


@dataclass(frozen=True, kw_only=True)
class TwoLayerQG:
    """Parameters, with pyqg's names, and the time stepping they define.

    Args:
        nx: cells along each side.

    Raises:
        InputError: if a parameter is out of its bounds.
    """

    nx: int = 64
    rd: float = positive(15000.0, 1e9, "deformation radius [m]")
    beta: float = real(1.5e-11, -1e-6, 1e-6, "gradient of the Coriolis parameter [1/(m s)]")
    delta: float = positive(0.25, 1e3, "layer depth ratio H1/H2")
    U1: float = real(0.025, -1e3, 1e3, "imposed zonal flow of the upper layer [m/s]")
    U2: float = real(0.0, -1e3, 1e3, "imposed zonal flow of the lower layer [m/s]")
    rek: float = real(5.787e-7, 0.0, 1.0, "linear bottom drag [1/s]; 0 for none")
    dt: float = positive(7200.0, 86400.0, "time step [s]")
    L: float = positive(1.0e6, 1e9, "domain size [m]")
    filterfac: float = real(23.6, 0.0, 1e6, "strength of the exponential filter; 0 for none")

    def __post_init__(self) -> None:
        check_options(self)
        self.grid  # noqa: B018 - checks nx

    @cached_property
    def grid(self) -> Grid:
        return Grid(self.nx, self.L)

    @cached_property
    def layers(self) -> Layers:
        return Layers.from_radius(self.rd, self.delta)

    @property
    def Qy(self) -> tuple[float, float]:
        """Background PV gradient of each layer [1/(m s)]."""
        shear = self.U1 - self.U2
        return self.beta + self.layers.F1 * shear, self.beta - self.layers.F2 * shear

    @cached_property
    def filter(self) -> Tensor:
        """Factor applied to the spectrum after every step, ``(n, n/2 + 1)``, float64."""
        k, l = self.grid.wavenumbers()
        w = torch.sqrt((k * self.grid.spacing) ** 2 + (l * self.grid.spacing) ** 2)
        excess = torch.clamp(w - 0.65 * math.pi, min=0.0)
        return torch.exp(-self.filterfac * excess**4)

    def stepper(self, q: Tensor) -> Iterator[Tensor]:
        """Yield the PV [1/s] after 1, 2, 3, ... steps of ``dt`` from ``q``, without end.

        Args:
            q: PV [1/s], ``(..., 2, nx, nx)``. Its device and precision are kept, and gradients
                flow through every step.

        Raises:
            InputError: if the shape does not fit the grid.
        """
        self.check(q)
        return self._steps(q)

    def advance(self, q: Tensor, steps: int) -> Tensor:
        """PV [1/s] after ``steps`` time steps, same shape as ``q``."""
        self.check(q)
        return next(islice(self.stepper(q), steps - 1, None)) if steps else q

    def snapshots(self, q: Tensor, count: int, every: int) -> Tensor:
        """``q`` and its state after every ``every`` steps, ``(..., count, 2, nx, nx)``."""
        states = islice(self.stepper(q), every - 1, (count - 1) * every, every)
        return torch.stack([q, *states], dim=-4)

    def check(self, q: Tensor) -> None:
        """Raise :class:`InputError` unless the shape of ``q`` fits the grid."""
        if q.ndim < 3 or tuple(q.shape[-3:]) != (2, self.nx, self.nx):
            raise InputError(
                "PV shape", tuple(q.shape), f"must end in (2, {self.nx}, {self.nx})",
                "Regrid the field, or build the model with its nx.",
            )

    def _steps(self, q: Tensor) -> Iterator[Tensor]:
        symbols = Symbols(self, q)
        z = torch.complex(*q.reshape(-1, *q.shape[-3:]).unbind(-3))
        Z = torch.fft.fft2(z, norm="forward")
        increments: deque[Tensor] = deque(maxlen=3)
        while True:
            check_interruption()
            increments.appendleft(symbols.increment(z, Z))
            Z = Z.mul_(symbols.decay)
            for weight, increment in zip(ADAMS_BASHFORTH[len(increments)], increments, strict=True):
                Z = Z.add_(increment, alpha=weight)
            z = torch.fft.ifft2(Z, norm="forward")
            yield torch.view_as_real(z).movedim(-1, -3).view(q.shape)


ADAMS_BASHFORTH = {1: (1.0,), 2: (1.5, -0.5), 3: (23 / 12, -16 / 12, 5 / 12)}
"""Weights of the newest increment and of those before it, by how many there are."""


def _mirrored(Z: Tensor) -> Tensor:
    """Spectrum of the conjugate field: ``conj Z(-l, -k)``."""
    return Z.flip(-2, -1).roll((1, 1), (-2, -1)).conj_physical_()


class _LayerOperator:
    r"""A linear operation on two layers that are the parts of one complex field z = q_1 + i q_2.

    With the symbols :math:`m_{ij}(l, k)` of real kernels, the spectra Z of z and :math:`\bar Z` of
    its conjugate, the spectrum of the result is :math:`\alpha Z + \beta \bar Z`, where

    .. math::
        2 \alpha = m_{11} + m_{22} + i (m_{21} - m_{12}), \quad
        2 \beta = m_{11} - m_{22} + i (m_{21} + m_{12}) .
    """

    def __init__(self, m: Tensor, like: Tensor) -> None:
        m = _on_all_wavenumbers(m)
        self.alpha = _place((m[0, 0] + m[1, 1] + 1j * (m[1, 0] - m[0, 1])) / 2, like)
        self.beta = _place((m[0, 0] - m[1, 1] + 1j * (m[1, 0] + m[0, 1])) / 2, like)

    def __call__(self, Z: Tensor, mirrored: Tensor) -> Tensor:
        return (self.alpha * Z).addcmul_(self.beta, mirrored)


class Symbols:
    """Factors of spectra in a time step, on the device of a state and in its precision.

    Spectra are Fourier coefficients (the transform divided by n^2). Increments are dt T times the
    filter, so that a step is the filtered state plus a weighted sum of increments. Intermediate
    results are overwritten: their number of bytes is what the speed depends on.

    Args:
        model: parameters.
        like: a field whose device and precision the symbols take.
    """

    def __init__(self, model: TwoLayerQG, like: Tensor) -> None:
        k, l = model.grid.wavenumbers()
        ik, il = torch.broadcast_tensors(1j * k, 1j * l)
        a = model.layers.inversion(model.grid)
        layer = torch.eye(2, dtype=torch.float64)[:, :, None, None]
        U, Qy, drag = (
            torch.tensor(values, dtype=torch.float64)[:, None, None, None]
            for values in ((model.U1, model.U2), model.Qy, (0.0, model.rek))
        )
        decay = torch.where(model.filter < 1e-16, 0.0, model.filter)  # denormal numbers are slow
        step = model.dt * decay
        linear = (drag * (k**2 + l**2) - ik * Qy) * a - ik * U * layer
        gradient = _on_all_wavenumbers(torch.stack([ik, il]))
        velocity = torch.stack([-gradient[1], gradient[0]])
        self.inversion = _LayerOperator(a, like)
        self.linear = _LayerOperator(step * linear, like)
        self.decay = _place(_on_all_wavenumbers(decay), like)
        self.velocity = _place(velocity, like)[:, None]
        self.divergence = _place(-_on_all_wavenumbers(step) * gradient / model.nx**2, like)

    def increment(self, z: Tensor, Z: Tensor, frozen: bool = False) -> Tensor:
        """Filtered change over ``dt``, ``(members, l, k)``.

        Args:
            z: the two layers of PV, ``(members, y, x)``.
            Z: their spectrum, ``(members, l, k)``.
            frozen: true if derivatives take the flow that carries the PV for given.
        """
        mirrored = _mirrored(Z)
        psi, increment = self.inversion(Z, mirrored), self.linear(Z, mirrored)
        flux = torch.fft.ifft2(self.velocity * (psi.detach() if frozen else psi), norm="forward")
        torch.view_as_real(flux).mul_(torch.view_as_real(z))  # each layer by its own PV
        for divergence, component in zip(self.divergence, torch.fft.fft2(flux), strict=True):
            increment = increment.addcmul_(divergence, component)
        return increment


def regrid(Z: Tensor, n: int) -> Tensor:
    """Fourier coefficients on another grid that begins at the same point, ``(..., n, n)``.

    Wavenumbers that only one of the grids has, and the Nyquist ones, are left out.

    Args:
        Z: of a complex field, ``(..., m, m)``.
        n: cells along a side of the other grid.
    """
    if Z.shape[-1] == n:
        return Z
    half = min(Z.shape[-1], n) // 2
    kept = slice(0, half), slice(1 - half, None)
    on = Z.new_zeros(*Z.shape[:-2], n, n)
    for rows, columns in itertools.product(kept, kept):
        on[..., rows, columns] = Z[..., rows, columns]
    return on


def interpolate(x: Tensor, n: int) -> Tensor:
    """Real fields ``(..., m, m)`` on another grid with the same first point: ``(..., n, n)``."""
    return torch.fft.ifft2(regrid(torch.fft.fft2(x, norm="forward"), n), norm="forward").real


def _place(symbol: Tensor, like: Tensor) -> Tensor:
    return symbol.to(device=like.device, dtype=like.dtype.to_complex())


def _on_all_wavenumbers(symbol: Tensor) -> Tensor:
    """From half of the wavenumbers ``(..., l, k)`` to all of them ``(..., l, k)``, complex.

    A symbol of a real kernel obeys m(-k, -l) = conj m(k, l). Where it cannot, as for a derivative
    at the Nyquist wavenumber, the part that a real inverse transform drops is left out.
    """
    n = symbol.shape[-2]
    symbol = symbol + 0j
    opposite = symbol[..., -torch.arange(n) % n, :].conj()
    for edge in (0, n // 2):
        symbol[..., edge] = (symbol[..., edge] + opposite[..., edge]) / 2
    return torch.cat([symbol, opposite[..., 1 : n // 2].flip(-1)], -1)
