r"""Kuramoto-Sivashinsky: fronts that creep, collide and split on a ring, chaos of a diffusive flow.

.. math:: \partial_t u = - u \, \partial_s u - \partial_s^2 u - \partial_s^4 u , \qquad s \in [0, L)

Waves shorter than 2 pi are damped, longer ones grow, and the first term carries what they gain to
the short ones. In Fourier space the linear part multiplies the wave of wavenumber k by k^2 - k^4,
which steps of ETDRK4 solve exactly. Their coefficients are means over circles in the complex plane.
Products are free of aliasing by the rule of two thirds. The mean of u never changes; it is zero in
the climate.

References:
    | Kassam and Trefethen, Fourth-order time-stepping for stiff PDEs (SIAM J. Sci. Comput. 26,
      2005): the scheme; here without aliasing
    | Cox and Matthews (J. Comput. Phys. 176, 2002): ETDRK4
    | DAPPER: 128 points, time step 0.5, observed every 1.0; its domain of 32 counts units of pi,
      where the climate has the spread of 1.3 that it states (1.7 on a ring of length 32)
    | EnFF (arXiv 2508.13313): 1024 points on 128 pi, time step 0.25, observed every 4 steps
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ..errors import InputError
from ..option_fields import positive, whole
from .parametric import Setting
from .time_stepped import TimeStepped, time_between, time_step

STD = 1.31

CIRCLE = 64
"""Points on the half circle over which coefficients are averaged."""


@dataclass(frozen=True, kw_only=True)
class KuramotoSivashinsky(TimeStepped):
    """One field on a ring of ``n`` points, a grid of 1 x n cells.

    The normalisation is the climatological standard deviation on 32 pi, from 300 trajectories after
    200 to 300 units of time; on 128 pi it is the same within 1 %. There is no propagator: the
    equation cannot be followed back in time.

    Raises:
        InputError: if the points are further apart than half of the critical wave, and as in
            :class:`TimeStepped`.
    """

    name: str = "kuramoto-sivashinsky"
    n: int = whole(128, 8, 10**7, "points on the ring")
    length: float = positive(32.0, 1e7, "length L of the ring [units of pi]")
    dt: float = time_step(0.5, most=1.0)
    interval: float = time_between(1.0)
    symbol = "u"
    linear = False
    spinup_time: ClassVar[float] = 200.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n < self.length * math.pi:
            raise InputError(
                "points n", self.n, f"must be at least 1 per unit of length, {self.length:g} pi",
                f"Use {2 ** math.ceil(math.log2(4 * self.length))}.",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        return (1, 1, self.n)

    @property
    def offset(self) -> Tensor:
        return torch.zeros(1, 1, 1, dtype=torch.float64)

    @property
    def scale(self) -> Tensor:
        return torch.full((1, 1, 1), STD, dtype=torch.float64)

    def advance_once(self, q: Tensor) -> Tensor:
        c = coefficients(self.n, self.length, self.dt, q.device, q.dtype)

        def nonlinear(u: Tensor) -> Tensor:
            return c.advection * torch.fft.rfft(u * u)

        def field(v: Tensor) -> Tensor:
            return torch.fft.irfft(v, n=self.n)

        v, at_start = torch.fft.rfft(q), nonlinear(q)
        a = c.half * v + c.start * at_start
        at_a = nonlinear(field(a))
        at_b = nonlinear(field(c.half * v + c.start * at_a))
        at_c = nonlinear(field(c.half * a + c.start * (2 * at_b - at_start)))
        return field(c.whole * v + c.first * at_start + c.middle * (at_a + at_b) + c.last * at_c)

    def sample_climate(self, count: int, generator: torch.Generator) -> Tensor:
        """Independent states of the climate, normalised, ``(count, *shape)``, float64.

        They start from white noise without its mean and run for 200 units of time.

        Args:
            count: states wanted.
            generator: source of the noise, and of the model noise.
        """
        white = torch.randn(count, *self.shape, generator=generator, dtype=torch.float64)
        start = self.physical(white - white.mean(-1, keepdim=True))
        return self.normalised(self.advance(start, round(self.spinup_time / self.dt), generator))


class Coefficients(NamedTuple):
    """Factors of spectra in a step of ETDRK4, ``(n/2 + 1,)``, complex.

    Attributes:
        whole: growth of the linear part over a step.
        half: growth over half of it.
        start: weight of the nonlinear part in the three stages.
        first: its weight at the start in the step.
        middle: its weight at the two stages in the middle.
        last: its weight at the last stage.
        advection: from the spectrum of u^2 to that of -u du/ds, without aliasing.
    """

    whole: Tensor
    half: Tensor
    start: Tensor
    first: Tensor
    middle: Tensor
    last: Tensor
    advection: Tensor


@lru_cache(maxsize=16)
def coefficients(
    n: int, length: float, dt: float, device: torch.device, dtype: torch.dtype
) -> Coefficients:
    """Coefficients of a step, computed in float64 and rounded to the precision of the states.

    Args:
        n: points.
        length: of the ring [units of pi].
        dt: time step.
        device: where the states are.
        dtype: real type of the states.
    """
    modes = torch.arange(n // 2 + 1, dtype=torch.float64)
    k = modes * (2 / length)
    linear = dt * (k**2 - k**4)
    angles = (torch.arange(CIRCLE, dtype=torch.float64) + 0.5) * (math.pi / CIRCLE)
    z = linear[:, None] + torch.polar(torch.ones_like(angles), angles)
    e = torch.exp(z)
    weights = (
        (torch.exp(z / 2) - 1) / z,
        (-4 - z + e * (4 - 3 * z + z**2)) / z**3,
        2 * (2 + z + e * (z - 2)) / z**3,
        (-4 - 3 * z - z**2 + e * (4 - z)) / z**3,
    )
    advection = torch.where(modes < n / 3, -0.5j * k, 0)
    exact = torch.exp(linear), torch.exp(linear / 2), *(dt * w.real.mean(-1) for w in weights)
    return Coefficients(*(c.to(device, dtype.to_complex()) for c in (*exact, advection)))


@Setting
def kuramoto_sivashinsky() -> KuramotoSivashinsky:
    """Kuramoto-Sivashinsky on 128 points of 32 pi seen every 1.0 in steps of 0.5, as in DAPPER."""
    return KuramotoSivashinsky()


@Setting
def kuramoto_sivashinsky_enff() -> KuramotoSivashinsky:
    """Kuramoto-Sivashinsky on 1024 points of 128 pi seen every 1.0 in steps of 0.25, as in EnFF."""
    return KuramotoSivashinsky(name="kuramoto-sivashinsky-enff", n=1024, length=128.0, dt=0.25)
