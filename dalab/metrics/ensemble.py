r"""Scores of an ensemble as a probability forecast.

With members x_1, ..., x_K and truth y in one cell, the fair continuous ranked probability score is

.. math::
    \mathrm{CRPS} = \frac1K \sum_i |x_i - y| - \frac{1}{2 K (K - 1)} \sum_{i, j} |x_i - x_j| .

In words: the mean absolute error of the members, less an allowance for the width of their
ensemble. It is in the units of the field, 0 is perfect, and its expectation does not depend
on K for members that are draws of one distribution. One member alone scores its absolute error.

The spread/skill ratio compares the error that an ensemble expects with the one it makes,

.. math::
    \sqrt{\frac{K + 1}{K}} \;
    \frac{\sqrt{\langle s^2 \rangle}}{\sqrt{\langle (\bar x - y)^2 \rangle}} ,
    \qquad s^2 = \frac{1}{K - 1} \sum_i (x_i - \bar x)^2 ,

with both means over the whole window. 1 is calibrated, below 1 overconfident, above 1 too humble.
The factor corrects for the sampling error of a mean of K members. It is undefined for one member.
Ensembles with members that are not finite have no scores, see :mod:`dalab.metrics.missing`.

References:
    | Ferro, Fair scores for ensemble forecasts (2014), QJRMS 140
    | Fortin et al., Why should ensemble spread match the RMSE of the ensemble mean? (2014), JHM 15
    | Hamill, Interpretation of rank histograms (2001), MWR 129
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scores.probability import crps_for_ensemble
from scores.probability import rank_histogram as _rank_histogram

from .missing import is_whole, without_lost


def crps_steps(ensemble: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    """Fair CRPS at every step, averaged over layers and cells; for one member its absolute error.

    Args:
        ensemble: ``(member, time, lev, y, x)``.
        truth: ``(time, lev, y, x)``.

    Returns:
        Dim ``time``, float64.
    """
    ensemble, truth = ensemble.astype("float64"), truth.astype("float64")
    method = "fair" if ensemble.sizes["member"] > 1 else "ecdf"
    found = crps_for_ensemble(ensemble, truth, "member", method=method, preserve_dims=["time"])
    return without_lost(found, ensemble, truth)


def spread_steps(ensemble: xr.DataArray) -> xr.DataArray:
    """Root of the mean ensemble variance at every step, dim ``time``; NaN for one member."""
    variance = _variance(ensemble)
    found = variance.mean([dim for dim in variance.dims if dim != "time"]) ** 0.5
    return without_lost(found, ensemble)


def spread_skill(ensemble: xr.DataArray, truth: xr.DataArray) -> float:
    """Spread/skill ratio of a window, corrected for the ensemble size; NaN for one member."""
    K = ensemble.sizes["member"]
    if not is_whole(ensemble, truth):
        return float("nan")
    error = (ensemble.astype("float64").mean("member") - truth) ** 2
    ratio = float(_variance(ensemble).mean()) / float(error.mean())
    return float(np.sqrt((K + 1) / K * ratio))


def _variance(ensemble: xr.DataArray) -> xr.DataArray:
    """Unbiased variance over members; NaN for one member."""
    if ensemble.sizes["member"] < 2:
        return xr.full_like(ensemble.isel(member=0, drop=True), np.nan, dtype="float64")
    return ensemble.astype("float64").var("member", ddof=1)


def rank_histogram(ensemble: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    """Share of cells in which the truth has each rank among the members, dim ``rank``, 1 to K + 1.

    Flat is calibrated; a U overconfident; a dome too humble; a slope biased. NaN for lost members.
    """
    return _rank_histogram(ensemble, truth, "member").where(bool(is_whole(ensemble, truth)))


def outer_ranks(ensemble: xr.DataArray, truth: xr.DataArray) -> float:
    """Frequency of truths outside of the members over the expected one; NaN for one member.

    Above 1 the rank histogram is a U, below 1 a dome.
    """
    if ensemble.sizes["member"] < 2:
        return float("nan")
    histogram = rank_histogram(ensemble, truth)
    return float(histogram.isel(rank=[0, -1]).mean()) * histogram.sizes["rank"]


def coverage(ranks: xr.DataArray) -> xr.DataArray:
    """Frequency of truths in the central intervals that the members span.

    Between the i-th lowest and the i-th highest of K members the truth is expected in a share
    (K + 1 - 2 i) / (K + 1) of all cells. No quantile has to be interpolated.

    Args:
        ranks: of :func:`rank_histogram`.

    Returns:
        Observed share, by the share ``expected``, from the narrowest to the widest.
    """
    shares, K = ranks.values, ranks.sizes["rank"] - 1
    inner = range(K // 2, 0, -1)
    return xr.DataArray(
        [float(shares[i : K + 1 - i].sum()) for i in inner], dims="expected",
        coords={"expected": [(K + 1 - 2 * i) / (K + 1) for i in inner]},
    )
