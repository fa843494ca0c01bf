"""States of the user's own, from a NetCDF file or a Zarr store in pyqg's layout.

The layout is that of ``pyqg.QGModel().to_dataset()`` concatenated in time: a variable ``q`` with
dimensions ``(time, lev, y, x)`` in 1/s, and a coordinate ``time`` in seconds. For a system without
units both are pure numbers. Of a file of truths only the window is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..systems import System

if TYPE_CHECKING:
    import xarray as xr

SECONDS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400,
    "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9,
}
PER_SECOND = {"s^-1", "s-1", "s**-1", "s^{-1}", "s^(-1)", "1/s", "/s", "sec^-1", "second-1", "hz"}
LAYOUT = "Write it like pyqg's to_dataset(): q with dims (time, lev, y, x), in s^-1."


def read_window(path: Path, system: System, steps: int, seed: int) -> Tensor:
    """The window number ``seed`` of a file, normalised, ``(steps, lev, y, x)``, float32.

    Args:
        path: NetCDF file or Zarr store.
        system: whose shape, interval and scale the file has to have.
        steps: states in the window.
        seed: windows are counted from the beginning without overlap, and again after the last.

    Raises:
        InputError: naming what is wrong with the file and how to mend it.
    """
    with _open(path) as dataset:
        q = _variable(dataset, path, system)
        _check_grid(q, system)
        start = _start(len(q.time), steps, seed, path)
        _check_times(dataset, start, steps, system)
        window = q.isel(time=slice(start, start + steps)).values
    _check_values(window, start)
    return _normalised(window, system)


def read_states(path: Path, system: System, at_least: int) -> Tensor:
    """All states of a file, whatever their times, normalised, ``(states, lev, y, x)``, float32.

    Args:
        path: NetCDF file or Zarr store.
        system: whose shape and scale the file has to have.
        at_least: states wanted.

    Raises:
        InputError: naming what is wrong with the file and how to mend it.
    """
    with _open(path, "start") as dataset:
        q = _variable(dataset, path, system, "start")
        _check_grid(q, system)
        if len(q) < at_least:
            raise InputError(
                f"states in {path}", len(q), f"must be at least {at_least}, one for each member",
                "Store more states, or use fewer members.",
            )
        states = q.values
    _check_values(states, 0)
    return _normalised(states, system)


def starting_states(
    source: str | Path | Tensor, system: System, members: int, background: float | None
) -> Tensor | None:
    """States to draw members from, normalised, ``(states, *shape)``; ``None`` without a source.

    Args:
        source: normalised states, the path of a file of them, or an empty text.
        system: the forecast model.
        members: of the largest ensemble.
        background: standard deviation of the error of a background, if there is one.

    Raises:
        InputError: if the states cannot be read, do not fit the system, or are fewer than members,
            or there is a background too.
    """
    if isinstance(source, str) and not source:
        return None
    if background is not None:
        raise InputError(
            "background", background, "must be left out with states to start from", "Leave it out."
        )
    if not isinstance(source, Tensor):
        return read_states(Path(source), system, members)
    _check_states(source, system, members)
    return source


def _check_states(states: Tensor, system: System, members: int) -> None:
    shape = tuple(system.shape)
    if tuple(states.shape[1:]) != shape or len(states) < members:
        raise InputError(
            "shape of the start", tuple(states.shape),
            f"must be {(members, *shape)}, or more states", "Give a state for each member.",
        )
    if not states.isfinite().all():
        raise InputError("start", "NaN or infinity", "must be finite numbers", "Check it.")


def _normalised(q: np.ndarray, system: System) -> Tensor:
    x = torch.from_numpy(np.ascontiguousarray(q, dtype=np.float64))
    x = (x - system.offset) / system.scale
    _check_size(x, system)
    return x.float()


def _open(path: Path, what: str = "truth file") -> xr.Dataset:
    import xarray as xr  # here, because it takes longer to import than most commands run

    if not path.exists():
        raise InputError(what, str(path), "must exist", "Check the path.")
    zarr = path.is_dir()
    try:
        return xr.open_dataset(path, engine="zarr" if zarr else None, decode_times=False)
    except Exception as error:  # every engine has errors of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            what, str(path), f"must be NetCDF or Zarr that xarray can open ({reason})",
            LAYOUT,
        ) from None


def _variable(
    dataset: xr.Dataset, path: Path, system: System, what: str = "truth file"
) -> xr.DataArray:
    if "q" not in dataset:
        names = ", ".join(map(str, dataset.data_vars)) or "no variable"
        raise InputError(what, str(path), f"must have a variable q, has {names}", LAYOUT)
    q = dataset["q"]
    if set(q.dims) != {"time", "lev", "y", "x"}:
        raise InputError("dims of q", q.dims, "must be (time, lev, y, x)", LAYOUT)
    units, known = q.attrs.get("units"), PER_SECOND if system.units == "s-1" else {system.units}
    if units is not None and str(units).replace(" ", "").lower() not in known:
        wanted = "s^-1" if known is PER_SECOND else system.units
        remedy = "Convert q to 1/s, in SI." if known is PER_SECOND else "Leave them out."
        raise InputError("units of q", units, f"must be {wanted}", remedy)
    return q.transpose("time", "lev", "y", "x")


def _check_grid(q: xr.DataArray, system: System) -> None:
    found, wanted = q.shape[1:], tuple(system.shape)
    if found == wanted:
        return
    factor = found[-1] / wanted[-1]
    blocks = factor > 1 and found == (wanted[0], *(int(factor) * n for n in wanted[1:]))
    raise InputError(
        "grid of q (lev, y, x)", found, f"must be {wanted} for the system {system.name}",
        f"Average it over {int(factor)} x {int(factor)} cells: q.coarsen(y={int(factor)}, "
        f"x={int(factor)}).mean()." if blocks else "Regrid the file or choose another system.",
    )


def _start(times: int, steps: int, seed: int, path: Path) -> int:
    if times < steps:
        raise InputError(
            f"times in {path}", times, f"must be at least {steps}, the length of the window",
            "Shorten the window or store more times.",
        )
    return seed % (times // steps) * steps


def _check_times(dataset: xr.Dataset, start: int, steps: int, system: System) -> None:
    if "time" not in dataset.coords:
        raise InputError("time", "absent", "must be a coordinate, in seconds", LAYOUT)
    time = dataset["time"]
    units = str(time.attrs.get("units", system.time_unit))
    own = SECONDS.get(system.time_unit)
    known = {u: s / own for u, s in SECONDS.items()} if own else {system.time_unit: 1.0}
    seconds = known.get(units.split(" since ")[0].strip().lower())
    if seconds is None:
        wanted = "seconds, hours or days" if own else system.time_unit
        raise InputError("units of time", units, f"must be {wanted}", f"Use {system.time_unit}.")
    values = time.values[start : start + steps].astype(np.float64) * seconds
    spacing = np.diff(values)
    wrong = np.flatnonzero(~(np.abs(spacing / system.interval - 1) <= 0.01))
    if wrong.size:
        raise InputError(
            f"time from step {start + wrong[0]} to the next [{system.time_unit}]",
            float(spacing[wrong[0]]),
            f"must be {system.interval:g}, the interval of {system.name}, within 1 %",
            "Store one state per interval, in order.",
        )


def _check_values(window: np.ndarray, start: int) -> None:
    bad = np.argwhere(~np.isfinite(window))
    if len(bad):
        time, lev, y, x = (int(i) for i in bad[0])
        where = f"first at time {start + time}, lev {lev}, y {y}, x {x}"
        raise InputError(
            "NaN or infinite values in q", len(bad), f"must be none ({where})",
            "Fill them, or use a window without them.",
        )


def _check_size(x: Tensor, system: System) -> None:
    spread = float(x.std())
    if not 1e-3 < spread < 1e3:
        typical = float(system.scale.mean())
        raise InputError(
            "standard deviation of q [1/s]", float(f"{spread * typical:.3g}"),
            f"must be within a factor of 1000 of that of {system.name}, about {typical:.1e}",
            "Check the units: q has to be in 1/s.",
        )

