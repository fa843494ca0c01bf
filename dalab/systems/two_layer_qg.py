r"""Two-layer quasi-geostrophic flow, batched and differentiable.

The equations and the discrete scheme of pyqg, in torch: flux-form pseudo-spectral advection,
third-order Adams-Bashforth with a self-start, and an exponential filter applied after every step,

.. math::
    \partial_t q_i + \nabla \cdot [(\mathbf{u}_i + U_i \hat x) q_i] + Q_{y,i} \partial_x \psi_i
    = -\delta_{i2} \, r_{ek} \nabla^2 \psi_2 + \mathrm{ssd} .

Trajectories agree with pyqg to round-off in float64. Anything that can be stacked is advanced
together: states are ``(..., lev=2, y, x)`` with any leading axes, on any device.

References:
    | pyqg: Python Quasigeostrophic Model, https://pyqg.readthedocs.io
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import torch
from torch import Tensor

from ..errors import InputError
from ..fields import Grid, Layers, irfft, rfft


@dataclass(frozen=True, kw_only=True)
class TwoLayerQG:
    """Parameters, with pyqg's names, and the time stepping they define.

    Args:
        nx: cells along each side.
        L: domain size [m].
        dt: time step [s].
        beta: gradient of the Coriolis parameter [1/(m s)].
        rd: deformation radius [m].
        delta: layer depth ratio H1/H2.
        U1: imposed zonal flow of the upper layer [m/s].
        U2: imposed zonal flow of the lower layer [m/s].
        rek: linear bottom drag [1/s].
        filterfac: strength of the exponential filter; 0 switches it off.

    Raises:
        InputError: if a length, a time or a coefficient is out of its physical range.
    """

    nx: int = 64
    L: float = 1.0e6
    dt: float = 7200.0
    beta: float = 1.5e-11
    rd: float = 15000.0
    delta: float = 0.25
    U1: float = 0.025
    U2: float = 0.0
    rek: float = 5.787e-7
    filterfac: float = 23.6

    def __post_init__(self) -> None:
        for name in ("dt", "rd", "delta"):
            if not getattr(self, name) > 0:
                raise InputError(name, getattr(self, name), "must be positive", "Use the default.")
        for name in ("rek", "filterfac"):
            if getattr(self, name) < 0:
                raise InputError(name, getattr(self, name), "must be at least 0", "Use 0 for none.")
        self.grid  # noqa: B018 - checks nx and L

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
        tendency = _Tendency(self, q)
        decay = self.filter.to(tendency.real)
        qh, T1, T2 = rfft(q), None, None
        while True:
            T = tendency(q, qh)
            qh = decay * (qh + self.dt * _adams_bashforth(T, T1, T2))
            q = irfft(qh)
            T1, T2 = T, T1
            yield q


def _adams_bashforth(T: Tensor, T1: Tensor | None, T2: Tensor | None) -> Tensor:
    """Mean tendency over the coming step from the last one, two or three evaluations."""
    if T1 is None:
        return T
    if T2 is None:
        return 1.5 * T - 0.5 * T1
    return (23 / 12) * T - (16 / 12) * T1 + (5 / 12) * T2


class _Tendency:
    """Spectral tendency of a model, its constants placed on the device of a state once."""

    def __init__(self, model: TwoLayerQG, q: Tensor) -> None:
        self.real = q.real
        grid, layers = model.grid, model.layers
        k, l = grid.wavenumbers()
        ik, il = 1j * k, 1j * l
        a = layers.inversion(grid)
        Qy = torch.tensor(model.Qy, dtype=torch.float64)[:, None, None, None]
        drag = torch.tensor([0.0, model.rek], dtype=torch.float64)[:, None, None, None]
        K2 = k**2 + l**2
        self.velocity = self._complex(torch.stack([-il * a, ik * a]))
        self.linear = self._complex((drag * K2 - ik * Qy) * a)
        self.divergence = self._complex(-torch.stack([ik.expand_as(il * k), il.expand_as(il * k)]))
        self.mean_flow = torch.tensor([model.U1, model.U2], dtype=q.dtype, device=q.device)[:, None, None]

    def _complex(self, constant: Tensor) -> Tensor:
        return constant.to(device=self.real.device, dtype=self.real.dtype.to_complex())

    def __call__(self, q: Tensor, qh: Tensor) -> Tensor:
        upper, lower = qh[..., None, :1, :, :], qh[..., None, 1:, :, :]
        w = self.velocity
        uv = irfft(w[:, :, 0] * upper + w[:, :, 1] * lower)
        u, v = uv[..., 0, :, :, :] + self.mean_flow, uv[..., 1, :, :, :]
        flux = rfft(torch.stack([u * q, v * q], dim=-4))
        linear = self.linear[:, 0] * qh[..., :1, :, :] + self.linear[:, 1] * qh[..., 1:, :, :]
        div = self.divergence
        return div[0] * flux[..., 0, :, :, :] + div[1] * flux[..., 1, :, :, :] + linear
