r"""Means over the times of a long run, with error bars that know its autocorrelation.

The variance of the mean of n correlated values is that of n / tau independent ones, where

.. math:: \tau = 1 + 2 \sum_{k=1}^{M} \rho_k

is the integrated autocorrelation time, summed up to the first lag M >= 5 tau. Repeats are
independent: their autocorrelations are averaged, their means share n.

References:
    | Sokal, Monte Carlo methods in statistical mechanics (1997): window of the sum
"""

from __future__ import annotations

import numpy as np

WINDOW = 5
"""Autocorrelation times after which correlations are noise."""


def autocorrelation_time(series: np.ndarray) -> float:
    """Integrated autocorrelation time in steps, at least 1.

    Args:
        series: ``(repeats, time)``, finite.
    """
    n = series.shape[-1]
    anomalies = series - series.mean(-1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(anomalies, 2 * n, axis=-1)) ** 2
    covariance = np.fft.irfft(spectrum, axis=-1)[..., :n].sum(0) / np.arange(n, 0, -1)
    if n < 2 or covariance[0] <= 0:
        return 1.0
    times = 2 * np.cumsum(covariance / covariance[0]) - 1
    enough = np.flatnonzero(np.arange(n) >= WINDOW * times)
    return float(min(max(times[enough[0] if enough.size else -1], 1.0), n))


def mean_and_error(series: np.ndarray) -> tuple[float, float]:
    """Mean over times and repeats, and its standard error; NaN where there are too few values.

    Args:
        series: ``(repeats, time)``; NaN marks missing values, whole times being left out.
    """
    present = np.isfinite(series).all(0)
    values = np.asarray(series)[:, present]
    if not values.size:
        return np.nan, np.nan
    repeats, n = values.shape
    if n < 2:
        return float(values.mean()), np.nan
    effective = repeats * n / autocorrelation_time(values)
    within = float(values.var(axis=1, ddof=1).mean())
    error = np.sqrt(within / effective)
    if repeats > 1:
        error = max(error, float(values.mean(1).std(ddof=1)) / np.sqrt(repeats))
    return float(values.mean()), float(error)
