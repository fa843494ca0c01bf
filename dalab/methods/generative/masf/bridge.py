r"""Forward process of MASF: from a state to its own measurement.

.. math::
    x_t = a_t x_0 + (1 - a_t) H(x_0) + \sigma \sqrt{1 - a_t^2} \, \eta, \qquad
    a_t = \frac{\cos(\tfrac{\pi}{2} \tfrac{t + 0.008}{1.008})}
               {\cos(\tfrac{\pi}{2} \tfrac{0.008}{1.008})},

so that :math:`x_0` is the state and :math:`x_1` has the law of the measurement. For an operator
:math:`H(x) = h x + b` that acts on every variable by itself,

.. math::
    x_t | x_0 \sim N(A x_0 + B, \Sigma), \quad
    A = a + (1 - a) h, \quad B = (1 - a) b, \quad \Sigma = \sigma^2 (1 - a^2),

which is the law of the linear equation :math:`dx = [\dot A A^{-1} (x - B) + \dot B] dt + D^{1/2}
dW` with

.. math::
    D = 2 \sigma^2 \lambda a \, \frac{1 - h (1 - a)}{h + a (1 - h)}, \qquad
    \lambda = - \dot a / a .

A is invertible for all a > 0 unless h < 0, and D is not negative as long as :math:`h \le 1`.

Reference: MASF (arXiv 2604.02889); the text was read in its code, which has these formulas but for
B in the prior score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ....errors import InputError
from ..conditional import Time

FIRST, LAST = 1e-5, 0.992
"""Pseudo-times between which the process is sampled, as published."""

_SHIFT, _QUARTER = 0.008, math.pi / 2
_RATE = _QUARTER / (1 + _SHIFT)


def share(t: Time) -> Tensor:
    """Share a of the state itself: 1 at pseudo-time 0, 0 at 1; float64."""
    angle = _RATE * (torch.as_tensor(t, dtype=torch.float64) + _SHIFT)
    return torch.cos(angle) / math.cos(_RATE * _SHIFT)


def share_rate(t: Time) -> Tensor:
    """Derivative of :func:`share` by pseudo-time, float64."""
    angle = _RATE * (torch.as_tensor(t, dtype=torch.float64) + _SHIFT)
    return -_RATE * torch.sin(angle) / math.cos(_RATE * _SHIFT)


@dataclass(frozen=True)
class Bridge:
    """The process for an elementwise linear operator. All results are float64.

    Args:
        h: factor of the operator at every variable, 0 where it is not observed, ``(lev, y, x)``.
        b: offset of the operator, same shape.
        sigma: standard deviation of the noise at pseudo-time 1, same shape: that of the
            observation, and where nothing is observed any number above 0.
        operator: name of the operator, for messages.

    Raises:
        InputError: unless 0 <= h <= 1 and sigma > 0 everywhere.
    """

    h: Tensor
    b: Tensor
    sigma: Tensor
    operator: str = "linear operator"

    def __post_init__(self) -> None:
        for name in ("h", "b", "sigma"):
            object.__setattr__(self, name, getattr(self, name).double())
        outside = self.h[~((self.h >= 0) & (self.h <= 1))]
        if len(outside):
            raise InputError(
                f"factor h of {self.operator}", float(outside[0]),
                "must lie in [0, 1] at every variable, where the noise of the process is positive",
                "Divide the observation by its factor, so that h = 1.",
            )
        if not (self.sigma > 0).all():
            raise InputError(
                f"noise of {self.operator}", float(self.sigma.min()), "must be above 0", "Use 0.1."
            )

    @property
    def observed(self) -> Tensor:
        """True for the variables that the operator sees, boolean ``(lev, y, x)``."""
        return self.h > 0

    def A(self, t: Time) -> Tensor:
        """Factor of the state in the mean."""
        return self.h + self._share(t) * (1 - self.h)

    def B(self, t: Time) -> Tensor:
        """Offset of the mean."""
        return (1 - self._share(t)) * self.b

    def Sigma(self, t: Time) -> Tensor:
        """Variance given the state."""
        return self.sigma.square() * (1 - self._share(t).square())

    def transition(self, s: Time, t: Time) -> tuple[Tensor, Tensor, Tensor]:
        """Factor M, offset U and variance Q of x_t given x_s, for s < t.

        With s > t, the same formulas have a negative Q: the step of a sampler that goes back.
        """
        M = self.A(t) / self.A(s)
        U = self.B(t) - M * self.B(s)
        return M, U, self.Sigma(t) - M.square() * self.Sigma(s)

    def drift(self, x: Tensor, t: Time) -> Tensor:
        """Drift of the linear equation at states ``(..., lev, y, x)``."""
        rate = share_rate(t).to(self.h.device)
        return rate * (1 - self.h) / self.A(t) * (x - self.B(t)) - rate * self.b

    def diffusion(self, t: Time) -> Tensor:
        """Squared diffusion coefficient D of the linear equation."""
        a, h = self._share(t), self.h
        rate = -share_rate(t).to(h.device)
        return 2 * self.sigma.square() * rate * (1 - h * (1 - a)) / (h + a * (1 - h))

    def likelihood_score(
        self, x: Tensor, t: Time, z: Tensor, end: float = 1.0, added: float = 0.0
    ) -> Tensor:
        """Gradient of log p(x_end = z | x_t = x) at states ``(..., lev, y, x)``.

        At ``end=1`` it is zero where nothing is observed; at an earlier end, as published, it pulls
        such variables to the noise in z.

        Args:
            x: states at pseudo-time t.
            t: pseudo-time, before the end.
            z: observation, embedded in a state.
            end: pseudo-time at which z is taken for the state of the process.
            added: number added to the variance, as in the released code.
        """
        M, U, Q = (v.to(x) for v in self.transition(t, end))
        return M / (Q + added) * (z - M * x - U)

    def _share(self, t: Time) -> Tensor:
        return share(t).to(self.h.device)
