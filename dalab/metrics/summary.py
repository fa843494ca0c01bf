"""All scores of one estimate, as they are stored and shown."""

from __future__ import annotations

import xarray as xr

from .deterministic import rmse_mean_steps, rmse_sample_steps
from .ensemble import crps_steps, spread_skill, spread_steps

STEPS = ("rmse_steps", "rmse_sample_steps", "spread_steps", "crps_steps")
"""Scores of every step of the window."""

WINDOW = ("rmse_sample", "rmse_mean", "crps", "spread_skill")
"""Scores of the whole window: the first three are means over its steps."""

DESCRIPTIONS = {
    "rmse_steps": "root-mean-square error of the ensemble mean",
    "rmse_sample_steps": "root-mean-square error of one sample, mean over members",
    "spread_steps": "root of the mean ensemble variance",
    "crps_steps": "fair continuous ranked probability score; absolute error for one member",
    "rmse_sample": "mean over steps of rmse_sample_steps",
    "rmse_mean": "mean over steps of rmse_steps",
    "crps": "mean over steps of crps_steps",
    "spread_skill": "root of mean variance over root of mean squared error, times "
    "sqrt((K + 1) / K) for K members",
}


def summarise(ensemble: xr.DataArray, truth: xr.DataArray) -> xr.Dataset:
    """Every score of :data:`STEPS` (dim ``time``) and :data:`WINDOW` (no dim), float64.

    Args:
        ensemble: ``(member, time, lev, y, x)``, normalised.
        truth: ``(time, lev, y, x)``, normalised.
    """
    steps = {
        "rmse_steps": rmse_mean_steps(ensemble, truth),
        "rmse_sample_steps": rmse_sample_steps(ensemble, truth),
        "spread_steps": spread_steps(ensemble),
        "crps_steps": crps_steps(ensemble, truth),
    }
    window = {
        "rmse_sample": steps["rmse_sample_steps"].mean(skipna=False),
        "rmse_mean": steps["rmse_steps"].mean(skipna=False),
        "crps": steps["crps_steps"].mean(skipna=False),
        "spread_skill": spread_skill(ensemble, truth),
    }
    return xr.Dataset({**steps, **window}).reset_coords(drop=True)
