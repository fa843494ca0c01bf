"""Names, units and coordinates of what a result holds, after the CF conventions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from torch import Tensor

from ..observations import ObservingNetwork
from ..systems import System
from .config import Config
from .parts import labels
from .twin import Twin

DAY = 86400.0

COORDINATES = {
    "time": {"long_name": "time since the first state of the window", "units": "day"},
    "lev": {"long_name": "layer, counted from the top", "units": "1", "positive": "down"},
    "y": {"long_name": "distance to the north", "units": "m", "axis": "Y",
          "standard_name": "projection_y_coordinate"},
    "x": {"long_name": "distance to the east", "units": "m", "axis": "X",
          "standard_name": "projection_x_coordinate"},
}


def coordinates(config: Config, system: System) -> dict[str, xr.DataArray]:
    """Coordinates of a window; time is in days since its first state."""
    days = np.arange(config.window) * system.interval / DAY
    values = {"time": days, **system.coords()}
    return {
        name: xr.DataArray(np.asarray(v), dims=name, attrs=COORDINATES.get(name, {}))
        for name, v in values.items()
    }


def states(values: Tensor, system: System, *leading: str, what: str) -> xr.DataArray:
    """Normalised states as PV, float32.

    Args:
        values: ``(*leading, *system.shape)``.
        system: gives the names of the other dims.
        leading: names of the leading dims.
        what: whose states they are.
    """
    attrs = {
        "long_name": f"potential vorticity anomaly, {what}, normalised",
        "units": "1",
        "comment": f"multiply by /pv_scale for {system.units}",
    }
    dims = (*leading, *system.dims)
    return xr.DataArray(values.float().cpu().numpy(), dims=dims, attrs=attrs)


def texts(values: Sequence[str]) -> np.ndarray:
    """Texts of any length, as NetCDF and Zarr have them."""
    return np.array(values, dtype=object)


def scale(system: System) -> xr.DataArray:
    """Physical units per normalised unit, by layer."""
    values = system.scale.numpy()
    attrs = {"long_name": "physical units per normalised unit", "units": system.units}
    return xr.DataArray(values.reshape(values.shape[0]), dims=system.dims[0], attrs=attrs)


def observations(twin: Twin) -> dict[str, xr.Dataset]:
    """What every instrument saw, on the grid, NaN where it did not look; by instrument label."""
    network, config = twin.problem.network, twin.config
    pieces = network.split(twin.problem.data.cpu())
    names = labels(config.operators)
    return {name: _instrument(network, config, i, pieces[i]) for i, name in enumerate(names)}


def _instrument(network: ObservingNetwork, config: Config, i: int, values: Tensor) -> xr.Dataset:
    instrument = network.instruments[i]
    seen = instrument.put(values).numpy()
    seen[~np.broadcast_to(instrument.mask[:, None].numpy(), seen.shape)] = np.nan
    observed = xr.DataArray(
        seen, dims=("time", "channel", "y", "x"),
        attrs={"long_name": f"observed {config.operators[i]}", "units": "1"},
    )
    return xr.Dataset(
        {"observed": observed}, coords={"channel": texts(instrument.operator.channels)},
        attrs=_how(config, i, instrument.assumed_std),
    )


def _how(config: Config, i: int, assumed: float | None) -> dict[str, Any]:
    return {
        "operator": config.operators[i],
        "mask": config.masks[i if len(config.masks) > 1 else 0],
        "interval": config.interval,
        "noise": config.noise,
        "noise_family": config.noise_family,
        "assumed_noise": assumed,
    }
