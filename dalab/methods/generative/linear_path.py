r"""Diffusion of EnSF: from the states at pseudo-time 0 to almost standard normal noise at 1.

.. math::
    x_t | x_0 \sim N(\alpha_t x_0, \beta_t^2 I), \qquad
    \alpha_t = 1 - t (1 - \epsilon_\alpha), \quad
    \beta_t^2 = \epsilon_\beta + t (1 - \epsilon_\beta) ,

which is the law of :math:`dx = b x \, dt + \sigma \, dW` with

.. math::
    b = \dot\alpha / \alpha, \qquad \sigma^2 = d \beta^2 / dt - 2 b \beta^2 .
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LinearPath:
    """The path of EnSF in pseudo-time.

    Args:
        epsilon_alpha: share of the state that is left at the end.
        epsilon_beta: variance of the noise at the beginning.
    """

    epsilon_alpha: float
    epsilon_beta: float

    def alpha(self, t: float) -> float:
        """Share of the state that is left."""
        return 1 - t * (1 - self.epsilon_alpha)

    def variance(self, t: float) -> float:
        """Variance of the noise."""
        return self.epsilon_beta + t * (1 - self.epsilon_beta)

    def drift(self, t: float) -> float:
        """Factor b of the linear drift."""
        return -(1 - self.epsilon_alpha) / self.alpha(t)

    def diffusion(self, t: float) -> float:
        """Squared diffusion coefficient."""
        return 1 - self.epsilon_beta - 2 * self.drift(t) * self.variance(t)
