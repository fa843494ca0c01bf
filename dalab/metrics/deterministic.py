r"""Errors of one field against another.

The root-mean-square error of step k pools all layers and cells, in normalised units, so that the
layers weigh equally,

.. math:: \mathrm{RMSE}_k = \sqrt{ \langle (x_k^{est} - x_k^{true})^2 \rangle_{lev, y, x} } ,

and the error of a window is the mean of these roots over its steps, not the root of a mean.

In words: the size of a typical error. 0 is perfect; the climatological mean scores 1 and an
independent random state 1.41. One sample of a calibrated posterior scores sqrt(2) times what the
posterior mean does, so the two are never compared with each other. The score of one sample is the
mean of those of all members: the expectation of any of them, with less noise.

References:
    | Zheng et al., SOAD (arXiv 2407.21314), whose tables use one posterior sample
"""

from __future__ import annotations

import xarray as xr
from scores.continuous import rmse as _rmse

from .missing import without_lost


def rmse_steps(estimate: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    """RMSE of every step of one window.

    Args:
        estimate: ``(time, lev, y, x)``.
        truth: same dims.

    Returns:
        Dim ``time``, float64.
    """
    found = _rmse(estimate.astype("float64"), truth.astype("float64"), preserve_dims=["time"])
    return without_lost(found, estimate, truth)


def rmse_mean_steps(ensemble: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    """RMSE of the ensemble mean at every step; ``ensemble`` has a dim ``member`` besides."""
    return rmse_steps(ensemble.astype("float64").mean("member", skipna=False), truth)


def rmse_sample_steps(ensemble: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    """RMSE of one sample at every step: the mean of those of all members."""
    members = _rmse(
        ensemble.astype("float64"), truth.astype("float64"), preserve_dims=["member", "time"]
    )
    return without_lost(members.mean("member"), ensemble, truth)
