"""Results as one ``xarray.DataTree``, and their files.

=========================== ==================================================================
node                        contents
=========================== ==================================================================
``/``                       coordinates; ``pv_scale`` (lev) [1/s]; the config, seed, versions
                            and status as attributes
``/truth``                  ``pv`` (time, lev, y, x)
``/observations/OPERATOR``  ``observed`` (time, channel, y, x), NaN where nothing was observed
``/background``             ``pv`` (lev, y, x), if the experiment has a background
``/estimates/METHOD``       ``pv`` (member, time, lev, y, x)
``/metrics``                scores by (method, time) and by (method); one method's are
                            ``tree["metrics/crps"].sel({"method": "oi"})``
=========================== ==================================================================

PV is normalised, its units are 1: the scores are defined on it. ``tree["truth/pv"] *
tree["pv_scale"]`` is in 1/s. Times are days since the first state of the window.

Other systems store their state under the same name, ``pv``. If the mean of their climate is not
zero, add ``pv_offset`` (lev) after scaling; if their time is a pure number, so are the times.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ... import __version__
from ...errors import InputError
from ...files import replacing, try_room
from ...metrics.summary import DESCRIPTIONS, STEPS, WINDOW, summarise
from ...systems import System
from ..config import Config
from ..experiment import Experiment
from ..progress import MethodScores, kind_of
from ..twin import Twin
from .cf import coordinates, normalisation, observations, states, texts
from .recorded import OWN, SYSTEM, describe_system
from .tree import open_result, read_tree

FORMAT = "dalab-result-1"

SPARE = 2**20
"""Bytes that have to stay free on the disk of a result."""

COSTS = {
    "network_evaluations": ("evaluations of the prior's denoiser, per member", "1"),
    "seconds": ("run time of the method", "s"),
    "peak_memory_mb": ("peak memory of torch on a GPU; NaN on the CPU", "1048576 byte"),
    "members": ("posterior samples", "1"),
}


def score_estimate(twin: Twin, estimate: Tensor) -> xr.Dataset:
    """Score an estimate ``(member, time, *state)`` by :mod:`dalab.metrics.summary`."""
    return summarise(
        states(estimate, twin.system, "member", "time", what="estimate"),
        states(twin.truth, twin.system, "time", what="truth"),
    )


def assemble(
    experiment: Experiment,
    twin: Twin | None,
    scores: Mapping[str, MethodScores],
    estimates: Mapping[str, Tensor],
    summaries: Mapping[str, xr.Dataset],
) -> xr.DataTree:
    """Assemble the result of an experiment, complete or partial.

    Args:
        experiment: what was run.
        twin: truth and problem, unless the run ended before they were prepared.
        scores: costs and status of every method.
        estimates: estimates ``(member, time, *state)`` of the methods that have one.
        summaries: their scores.
    """
    system = experiment.system
    device = experiment.config.device if twin is None else str(twin.device)
    about = attributes(experiment, device, scores)
    nodes = {"/": xr.Dataset(normalisation(system), coordinates(experiment.config, system), about)}
    if twin is not None:
        nodes |= _given(twin)
    for label, estimate in estimates.items():
        nodes[f"/estimates/{label}"] = _estimate(estimate, system, label, scores[label])
    nodes["/metrics"] = _metrics(scores, summaries, experiment.window)
    return xr.DataTree.from_dict(nodes)


def attributes(
    experiment: Experiment, device: str, scores: Mapping[str, MethodScores]
) -> dict[str, object]:
    """Attributes of a result: config, seed, versions, status, and a user's own parts."""
    config = experiment.config
    own = {OWN: " ".join(sorted(experiment.own))} if experiment.own else {}
    if "system" in experiment.own:
        own[SYSTEM] = describe_system(experiment.system)
    return {
        "Conventions": "CF-1.11",
        "title": f"Twin experiment with {config.system}: {', '.join(scores)}",
        "source": f"dalab {__version__}",
        "history": f"{_now()} dalab {__version__}: experiment of the attribute config",
        "format": FORMAT,
        "config": config.to_json(),
        "config_hash": config.hash(),
        "seed": config.seed,
        "status": _status(scores),
        "dalab_version": __version__,
        "torch_version": str(torch.__version__),
        "device": device,
        **own,
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _status(scores: Mapping[str, MethodScores]) -> str:
    """Return ``complete``, ``cancelled``, ``failed`` (all methods) or ``partial`` (some)."""
    found = {kind_of(s.status) for s in scores.values()}
    if "cancelled" in found:
        return "cancelled"
    return found.pop() if len(found) == 1 else "partial"


def _given(twin: Twin) -> dict[str, xr.Dataset]:
    """Store truth, observations and background."""
    system, background = twin.system, twin.problem.background
    truth = states(twin.truth, system, "time", what="truth")
    nodes = {"/truth": xr.Dataset({"pv": truth}, attrs={"source": twin.config.truth})}
    for name, seen in observations(twin).items():
        nodes[f"/observations/{name}"] = seen
    if background is not None:
        pv = states(background.state, system, what="background")
        about = {"std": background.std, "kind": twin.config.background_kind}
        nodes["/background"] = xr.Dataset({"pv": pv}, attrs=about)
    return nodes


def _estimate(estimate: Tensor, system: System, label: str, scores: MethodScores) -> xr.Dataset:
    pv = states(estimate, system, "member", "time", what=f"estimate by {label}")
    return xr.Dataset({"pv": pv}, attrs={"status": scores.status})


def _metrics(
    scores: Mapping[str, MethodScores], summaries: Mapping[str, xr.Dataset], window: int
) -> xr.Dataset:
    empty = xr.Dataset(
        {name: ("time", np.full(window, np.nan)) for name in STEPS}
        | {name: np.nan for name in WINDOW}
    )
    joined = xr.concat([summaries.get(label, empty) for label in scores], dim="method")
    for name in (*STEPS, *WINDOW):
        joined[name].attrs = {"long_name": DESCRIPTIONS[name], "units": "1"}
    for name, (long_name, units) in COSTS.items():
        values = [getattr(s, name) for s in scores.values()]
        joined[name] = ("method", values, {"long_name": long_name, "units": units})
    joined["status"] = ("method", texts([s.status for s in scores.values()]))
    return joined.assign_coords(method=texts(list(scores)))


def config_of(tree: xr.DataTree) -> Config:
    """Return the config of a result.

    Raises:
        InputError: if the tree is not a result of dalab.
    """
    if tree.attrs.get("format") != FORMAT:
        raise InputError(
            "result", tree.attrs.get("format"), f"must have the format {FORMAT}",
            "Give a file that dalab wrote.",
        )
    try:
        return Config.from_json(str(tree.attrs["config"]))
    except InputError:
        raise
    except Exception as error:  # the text may be anything
        raise InputError(
            "config of the result", type(error).__name__, "must be a config of dalab",
            "Give a file that dalab wrote, unchanged.",
        ) from None


# --- files ----------------------------------------------------------------------------------------


def check_path(path: str | Path) -> Path:
    """Check that a result can be written to a path, and return the path.

    Raises:
        InputError: unless it ends in .nc or .zarr and its folder exists or can be made.
    """
    path = Path(path)
    if path.suffix not in (".nc", ".zarr"):
        raise InputError("output", str(path), "must end in .nc or .zarr", "Use out/result.nc.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("output", str(path), f"cannot be made ({error})", "Use out/.") from None
    return path


def save(tree: xr.DataTree, path: str | Path) -> Path:
    """Write a result as NetCDF-4 (``.nc``) or Zarr (``.zarr``), replacing an earlier result.

    The file appears under its name only when it is complete.

    Raises:
        InputError: for another suffix, a folder that cannot be made, anything else under that name,
            or a disk without room.
        OSError: if a quota or a limit is in the way.
    """
    path = check_path(path)
    check_replaceable(path, is_result, "a result of dalab")
    _check_room(tree, path)
    with replacing(path) as new:
        if path.suffix == ".nc":
            try_room(new, tree.nbytes + SPARE)
            tree.to_netcdf(new, engine="h5netcdf", write_inherited_coords=True,
                           encoding=_encoding(tree))
        else:
            tree.to_zarr(new, write_inherited_coords=True, zarr_format=2)
    return path


def check_replaceable(path: Path, ours: Callable[[Path], bool], what: str) -> None:
    """Check that nothing would be lost if a file or folder were replaced.

    Args:
        path: file or folder.
        ours: True for one that dalab wrote.
        what: words for such a one.

    Raises:
        InputError: if there is anything else but an empty file.
    """
    empty = path.is_file() and path.stat().st_size == 0
    if path.exists() and not empty and not ours(path):
        raise InputError("output", str(path), f"must be new, or {what}", "Name another file.")


def is_result(path: Path) -> bool:
    """True for a file or a Zarr store that holds a result of dalab."""
    try:
        with open_result(path) as file:
            return bool(file.root.attrs.get("format") == FORMAT)
    except InputError:
        return False


def _check_room(tree: xr.DataTree, path: Path) -> None:
    """Raise unless there is room: HDF5 may end the whole program on a full disk."""
    free = shutil.disk_usage(path.parent).free
    if free < tree.nbytes + SPARE:
        raise InputError(
            "output", str(path), f"must have room for {tree.nbytes / 1e6:.0f} MB, "
            f"{free / 1e6:.0f} MB are free", "Free some space, or name another disk.",
        )


def _encoding(tree: xr.DataTree) -> dict[str, dict[Any, Any]]:
    """Return light compression of all gridded fields, and coordinates without a fill value.

    Coordinates have no missing values: the CF conventions forbid to name one.
    """
    light = {"zlib": True, "complevel": 1}
    return {
        node.path: {
            **{name: light for name, v in node.data_vars.items() if v.ndim > 2},
            **{name: {"_FillValue": None} for name in node.coords},
        }
        for node in tree.subtree
    }


def load(path: str | Path) -> xr.DataTree:
    """Read a result that :func:`save` wrote, into memory.

    Raises:
        InputError: if the file is missing, cannot be read, or is not a result of dalab.
    """
    path = Path(path)
    with open_result(path) as file:
        tree = read_tree(file, path)
    config_of(tree)
    return tree
