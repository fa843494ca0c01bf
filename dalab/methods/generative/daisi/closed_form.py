r"""DAISI of a Gaussian forecast, exactly: along directions in which everything is diagonal.

For a prior N(0, s^2), a forecast N(m, v) and data y = x + N(0, R), the inversion and the guided
generation are linear, so that the analysis is Gaussian. With V = (1 - t)^2 + t^2 s^2 and noise
levels :math:`\epsilon (1 - t)`, its mean and variance follow

.. math::
    \frac{dm}{dt} = c \, m + d \, y , \qquad \frac{dv}{dt} = 2 c \, v + 2 \epsilon (1 - t) ,

with c = (t s^2 - (1 - t) - e) / V less the guidance, e the noise, from t_min to 1; the inversion
has c = (t s^2 - (1 - t) + e) / V from 1 to t_min. Without noise the whole map is

.. math::
    \text{mean} = K y + \sqrt{v_1 / v_y} ( \sqrt{V / s^2} \, m - t K y ) , \qquad
    \text{variance} = \frac{v_1}{v_y} \frac{V}{s^2} \, v ,

K = s^2 / (s^2 + R), v_1 = s^2 R / (s^2 + R), v_y = V - t^2 s^4 / (s^2 + R) at t = t_min. It is the
Bayes update for a forecast that is the climate and t_min = 0, and no other.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

STEPS = 500
"""Runge-Kutta steps of the moments: relative errors of 1e-12 for error variances as large as the
prior's, and of 1e-5 for those 1e-4 times as large."""

Number = Tensor | float
Slope = Callable[[Number], tuple[Tensor, Tensor, Number]]


def gaussian_latent(
    mean: Number, variance: Number, *, prior_variance: Number, t_min: Number,
    inversion_epsilon: float = 0.0, start: str = "invert",
) -> tuple[Tensor, Tensor]:
    """Mean and variance of the latent at ``t_min``.

    Args:
        mean: of the forecast, in units of the prior; one number per direction, of any shape.
        variance: of the forecast.
        prior_variance: climatological variance s^2.
        t_min: time at which the inversion ends, from 0 to below 1; or one per direction.
        inversion_epsilon: noise of the inversion, over 1 - t.
        start: ``invert``; ``sdedit``, the forecast with noise; ``noise`` alone.

    Returns:
        Mean and variance, float64.
    """
    m, v, s2 = _numbers(mean, variance, prior_variance)
    if start == "noise":
        return torch.zeros_like(m), torch.ones_like(v)
    if start == "sdedit":
        return t_min * m, t_min**2 * v + (1 - t_min) ** 2
    if inversion_epsilon == 0:
        ratio = _marginal(t_min, s2) / s2
        return ratio.sqrt() * m, ratio * v

    def slope(t: Number) -> tuple[Tensor, Tensor, Number]:
        e = inversion_epsilon * (1 - t)
        return (t * s2 - (1 - t) + e) / _marginal(t, s2), torch.zeros_like(s2), -e

    return _integrate(slope, m, v, 1.0, t_min)


def gaussian_analysis(
    mean: Number, variance: Number, *, prior_variance: Number, error_variance: Number,
    data: Number, t_min: Number, epsilon: float = 0.0, inversion_epsilon: float = 0.0,
    start: str = "invert",
) -> tuple[Tensor, Tensor]:
    """Mean and variance of the analysis, with infinitely many steps and exact guidance.

    Args:
        mean: of the forecast, in units of the prior; one number per direction, of any shape.
        variance: of the forecast.
        prior_variance: climatological variance s^2.
        error_variance: variance R of the error of the data; infinite without data.
        data: the observation y.
        t_min: time at which the inversion ends and the generation begins, from 0 to below 1.
        epsilon: noise of the generation, over 1 - t.
        inversion_epsilon: noise of the inversion, over 1 - t.
        start: see :func:`gaussian_latent`; ``noise`` starts at 0 whatever ``t_min`` is.

    Returns:
        Mean and variance, float64.
    """
    m, v = gaussian_latent(
        mean, variance, prior_variance=prior_variance, t_min=t_min,
        inversion_epsilon=inversion_epsilon, start=start,
    )
    begin = 0.0 if start == "noise" else t_min
    m, v, s2, R, y = _numbers(m, v, prior_variance, error_variance, data)
    y = torch.where(R.isinf(), 0.0, y)

    def slope(t: Number) -> tuple[Tensor, Tensor, Number]:
        a, V, e = 1 - t, _marginal(t, s2), epsilon * (1 - t)
        P = s2 / V  # J = t P, and the covariance of the data given z is a^2 P
        k = P / (R + a**2 * P)
        pull = (a + e * t) * k
        return (t * s2 - a - e) / V - pull * t * P, pull, e

    return _integrate(slope, m, v, begin, 1.0, y)


def _marginal(t: Number, s2: Tensor) -> Tensor:
    """Variance of the interpolant at a time."""
    return (1 - t) ** 2 + t**2 * s2


def _numbers(*values: Number) -> tuple[Tensor, ...]:
    made = [torch.as_tensor(value, dtype=torch.float64) for value in values]
    return tuple(value.clone() for value in torch.broadcast_tensors(*made))


def _integrate(
    slope: Slope, m: Tensor, v: Tensor, begin: Number, end: Number, y: Tensor | float = 0.0
) -> tuple[Tensor, Tensor]:
    """Integrate the moments by Runge-Kutta steps of fourth order."""
    h = (end - begin) / STEPS

    def rates(t: Number, m: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        c, d, e = slope(t)
        return c * m + d * y, 2 * c * v + 2 * e

    for i in range(STEPS):
        t = begin + i * h
        a = rates(t, m, v)
        b = rates(t + h / 2, m + h / 2 * a[0], v + h / 2 * a[1])
        c = rates(t + h / 2, m + h / 2 * b[0], v + h / 2 * b[1])
        d = rates(t + h, m + h * c[0], v + h * c[1])
        m = m + h / 6 * (a[0] + 2 * b[0] + 2 * c[0] + d[0])
        v = v + h / 6 * (a[1] + 2 * b[1] + 2 * c[1] + d[1])
    return m, v
