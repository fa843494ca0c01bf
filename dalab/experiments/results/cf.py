"""Names, units and coordinates of the contents of a result, following the CF conventions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from torch import Tensor

from ...observations import ObservingNetwork
from ...systems import System
from ..config import Config, unique_labels
from ..twin import Twin


def coordinates(config: Config, system: System) -> dict[str, xr.DataArray]:
    """Make the coordinates of a window; time since its first state, in the system's unit."""
    return {"time": _coordinate("time", system.times(config.window), system), **space(system)}


def space(system: System) -> dict[str, xr.DataArray]:
    """Make the coordinates of a state."""
    return {name: _coordinate(name, v, system) for name, v in system.coords().items()}


def _coordinate(name: str, values: Any, system: System) -> xr.DataArray:
    attrs = dict(system.cf_attributes.get(name, {}))
    return xr.DataArray(np.asarray(values), dims=name, attrs=attrs)


def states(values: Tensor, system: System, *leading: str, what: str) -> xr.DataArray:
    """Store normalised states as float32.

    Args:
        values: ``(*leading, *system.shape)``.
        system: gives the names of the other dims.
        leading: names of the leading dims.
        what: description of the states.
    """
    numbers, dims = values.float().cpu().numpy(), (*leading, *system.dims)
    return xr.DataArray(numbers, dims=dims, attrs=describe_states(system, what))


def describe_states(system: System, what: str) -> dict[str, str]:
    """Make the attributes of normalised states."""
    return {
        "long_name": f"{system.quantity}, {what}, normalised", "units": "1",
        "comment": _physical(system),
    }


def numbers(dim: str, values: Sequence[int], long_name: str) -> xr.DataArray:
    """Make a coordinate of whole numbers."""
    about = {"long_name": long_name, "units": "1"}
    return xr.DataArray(np.array(values, dtype=np.int64), dims=dim, attrs=about)


def texts(values: Sequence[str]) -> np.ndarray:
    """Store texts of any length, for NetCDF and Zarr."""
    return np.array(values, dtype=object)


def _physical(system: System) -> str:
    """Describe the conversion of normalised states to physical units."""
    text = f"multiply by /pv_scale for {system.units}"
    return f"{text}, then add /pv_offset" if system.offset.any() else text


def normalisation(system: System) -> dict[str, xr.DataArray]:
    """Store ``pv_scale`` by layer, and ``pv_offset`` for a system whose mean is not zero."""
    scale = _by_layer(system.scale, system, "physical units per normalised unit")
    if not system.offset.any():
        return {"pv_scale": scale}
    return {"pv_scale": scale, "pv_offset": _by_layer(system.offset, system, "climatological mean")}


def _by_layer(values: Tensor, system: System, long_name: str) -> xr.DataArray:
    attrs = {"long_name": long_name, "units": system.units}
    return xr.DataArray(values.flatten().numpy(), dims=system.dims[0], attrs=attrs)


def observations(twin: Twin) -> dict[str, xr.Dataset]:
    """Map the data of every instrument to the grid, NaN where unobserved; by instrument label."""
    network, config = twin.problem.network, twin.config
    pieces = network.split(twin.problem.data.cpu())
    names = unique_labels(config.operators)
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
