r"""Two-scale Lorenz-96: slow sites on a ring, each coupled to a chain of fast ones.

.. math::
    \dot X_k &= (X_{k+1} - X_{k-2}) X_{k-1} - X_k + F - \frac{h c}{b} \sum_{j=1}^J Y_{j,k} \\
    \dot Y_{j,k} &= c b \, (Y_{j-1,k} - Y_{j+2,k}) Y_{j+1,k} - c \, Y_{j,k} + \frac{h c}{b} X_k

The fast ones form one chain around the whole ring: Y_{J+1,k} is Y_{1,k+1}. The quadratic terms and
the coupling conserve the energy sum X^2 / 2 + sum Y^2 / 2. Without coupling (h = 0) the slow ones
are Lorenz-96 itself, which is also the model that leaves the fast ones out.

References:
    | Lorenz, Predictability: a problem partly solved (ECMWF, 1996): K 36, J 10, F 10, b = c = 10
    | Wilks, Effects of stochastic parametrizations in the Lorenz '96 system (Q. J. R. Meteorol.
      Soc. 131, 2005): K 8, J 32, F 20
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..option_fields import positive, real, whole
from .lorenz96 import Lorenz96, ring_tendency
from .parametric import Setting
from .time_stepped import RungeKutta, time_between, time_step


@dataclass(frozen=True, kw_only=True)
class TwoScaleLorenz96(RungeKutta):
    """1 + J fields on a ring of K sites: X, and the J fast variables beside it.

    Args:
        mean: climatological means of X and of all Y, in the units of the equations.
        std: their climatological standard deviations.

    Raises:
        InputError: as in :class:`TimeStepped`.
    """

    name: str = "lorenz96-two-scale"
    K: int = whole(36, 4, 10**5, "slow sites on the ring")
    J: int = whole(10, 1, 100, "fast variables of every slow one")
    forcing: float = real(10.0, -100.0, 100.0, "F, of the slow variables")
    h: float = real(1.0, 0.0, 10.0, "strength of the coupling; 0 for none")
    b: float = positive(10.0, 100.0, "amplitude of the slow variables relative to the fast ones")
    c: float = positive(10.0, 100.0, "speed of the fast variables relative to the slow ones")
    dt: float = time_step(0.005, most=0.02)
    interval: float = time_between(0.05)
    linear = False
    mean: tuple[float, float] = (2.57, 0.099)
    std: tuple[float, float] = (3.53, 0.236)
    spinup_time: ClassVar[float] = 10.0

    @property
    def shape(self) -> tuple[int, int, int]:
        return (1 + self.J, 1, self.K)

    @property
    def offset(self) -> Tensor:
        return self._by_field(self.mean)

    @property
    def scale(self) -> Tensor:
        return self._by_field(self.std)

    def _by_field(self, values: tuple[float, float]) -> Tensor:
        slow, fast = values
        return torch.tensor([slow, *[fast] * self.J], dtype=torch.float64)[:, None, None]

    @property
    def variables(self) -> tuple[str, ...]:
        return ("X", *(f"Y{j + 1}" for j in range(self.J)))

    def tendency(self, q: Tensor) -> Tensor:
        coupling = self.h * self.c / self.b
        X, Y = q[..., :1, :, :], q[..., 1:, :, :]
        slow = ring_tendency(X, self.forcing).sub_(coupling * Y.sum(-3, keepdim=True))
        fast = (self.c * self.b * self._fast_advection(Y)).sub_(self.c * Y).add_(coupling * X)
        return torch.cat([slow, fast], -3)

    def _fast_advection(self, Y: Tensor) -> Tensor:
        """(Y_{j-1} - Y_{j+2}) Y_{j+1} along the chain, of ``(..., J, 1, K)``."""
        chain = Y.transpose(-3, -1).flatten(-3)  # j runs first, then k
        ring = torch.cat([chain[..., -1:], chain, chain[..., :2]], -1)
        found = (ring[..., :-3] - ring[..., 3:]) * ring[..., 2:-1]
        return found.unflatten(-1, (self.K, 1, self.J)).transpose(-3, -1)

    def truncated(self) -> Lorenz96:
        """The one-scale model of the slow variables, which leaves the fast ones out."""
        return Lorenz96(d=self.K, forcing=self.forcing, dt=self.dt, interval=self.interval)

    def slow(self, x: Tensor) -> Tensor:
        """The slow variables as states of :meth:`truncated`, ``(..., 1, 1, K)``, normalised.

        Args:
            x: normalised states, ``(..., *shape)``.
        """
        return self.truncated().normalised(self.physical(x)[..., :1, :, :])


@Setting
def lorenz96_two_scale() -> TwoScaleLorenz96:
    """Two-scale Lorenz-96 of 36 slow and 360 fast variables seen every 0.05, as in Lorenz (1996).

    Mean and standard deviation are those of 60 trajectories over 20 units of model time.
    """
    return TwoScaleLorenz96()


@Setting
def lorenz96_two_scale_wilks() -> TwoScaleLorenz96:
    """Two-scale Lorenz-96 of 8 slow and 256 fast variables with F = 20, as in Wilks (2005).

    Mean and standard deviation are those of 60 trajectories over 20 units of model time.
    """
    return TwoScaleLorenz96(
        name="lorenz96-two-scale-wilks", K=8, J=32, forcing=20.0,
        mean=(3.76, 0.121), std=(5.08, 0.311),
    )
