"""Finished runs restored from result files, with the interface of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ...errors import InputError
from ...methods import Background, Problem, Step
from ...metrics.summary import STEPS
from ...observations import ObservingNetwork
from ...priors import Prior, load_prior
from ...systems import System
from ..config import Config, unique_labels
from ..from_config import make_methods, network_of
from ..progress import Frame, MethodScores, Progress
from ..service.queue import QueuePosition
from ..twin import Twin
from .recorded import RecordedPrior, own_parts, recorded_network, system_of
from .store import COSTS, config_of

REMEDY = "Give a file that dalab wrote, unchanged."
STATES = {"complete": "done", "partial": "done", "cancelled": "cancelled", "failed": "failed"}


class StoredRun:
    """A finished run restored from its result, with the attributes of a :class:`Run`.

    Args:
        tree: a result, complete or partial, as :func:`dalab.load` reads it.

    Raises:
        InputError: if the tree does not match its config.
    """

    error: str | None = None
    queue_position: QueuePosition | None = None
    recorders: Mapping[str, Any] = MappingProxyType({})
    channels: Sequence[tuple[str, Sequence[str]]] = ()

    def __init__(self, tree: xr.DataTree) -> None:
        self.config, self.result = stored_config(tree), tree
        self.system = system = system_of(tree)
        _check(tree, self.config, system)
        self.state = STATES[str(tree.attrs["status"])]
        self.twin = _twin(tree, self.config, system)
        self.scores = {str(name): _scores(tree, str(name)) for name in methods_of(tree)}
        seconds = float(np.nansum([s.seconds for s in self.scores.values()]))
        count = len(self.scores)
        self.progress = Progress("", count - 1, count, 1.0, elapsed=seconds)

    @cached_property
    def frames(self) -> Mapping[str, Frame]:
        """Last frame of every method that has an estimate."""
        return {label: self._frame(label) for label in children(self.result, "estimates")}

    def _frame(self, label: str) -> Frame:
        known = self.scores[label]
        estimate = tensor(self.result, f"estimates/{label}/pv")
        step = Step(estimate, 1, 1, known.network_evaluations, known.seconds)
        return Frame(
            label, step, rmse=known.rmse_steps, rmse_sample=known.rmse_sample_steps,
            progress=self.progress, spread=known.spread_steps,
        )

    def cancel(self) -> None:
        """Do nothing: a stored run has ended."""

    def join(self, timeout: float | None = None) -> bool:
        """Return at once: a stored run has no thread."""
        return True


def stored_config(tree: xr.DataTree) -> Config:
    """Return the config of a result, whose methods can be made."""
    try:
        config = config_of(tree)
        if "methods" not in own_parts(tree):
            make_methods(config)
    except InputError:
        raise
    except Exception as error:
        raise refused("config", type(error).__name__, "must be a config of dalab") from None
    return config


def _check(tree: xr.DataTree, config: Config, system: System) -> None:
    """Check that every part has the shape that the config implies."""
    status, methods = tree.attrs.get("status"), methods_of(tree)
    if status not in STATES:
        raise refused("status", status, f"must be one of {', '.join(STATES)}")
    window = (config.window, *system.shape)
    check_numbers(tree, "truth/pv", window)
    if "methods" not in own_parts(tree) and methods != list(config.labels):
        raise refused("methods", methods, f"must be {list(config.labels)}")
    for label in children(tree, "estimates"):
        if label not in methods:
            raise refused("estimate", label, f"must be of {', '.join(methods)}")
        members = array(tree, f"estimates/{label}/pv").sizes.get("member", 0)
        check_numbers(tree, f"estimates/{label}/pv", (max(members, 1), *window))
    for name in STEPS:
        check_shape(tree, f"metrics/{name}", (len(methods), config.window))
    for name in (*COSTS, "crps", "spread_skill", "status"):
        check_shape(tree, f"metrics/{name}", (len(methods),))


def methods_of(tree: xr.DataTree) -> list[str]:
    """Return the labels of the methods of a result."""
    return [str(name) for name in array(tree, "metrics/method").values.tolist()]


def children(tree: xr.DataTree, name: str) -> list[str]:
    """Return the names of the nodes below a node, if there is one."""
    return list(tree[name].children) if name in tree.children else []


def array(tree: xr.DataTree, path: str) -> xr.DataArray:
    """Return a variable of a result, or refuse the file."""
    try:
        found = tree[path]
    except KeyError:
        raise refused("part of the result", path, "must be present") from None
    return cast(xr.DataArray, found)


def check_shape(tree: xr.DataTree, path: str, shape: tuple[int, ...]) -> xr.DataArray:
    """Return a variable of this shape, or refuse the file."""
    values = array(tree, path)
    if values.shape != shape:
        raise refused(f"shape of {path}", values.shape, f"must be {shape}")
    return values


def check_numbers(tree: xr.DataTree, path: str, shape: tuple[int, ...]) -> None:
    """Refuse the file unless a variable has this shape and finite values."""
    values = check_shape(tree, path, shape)
    if values.dtype.kind != "f" or not np.isfinite(values.values).all():
        raise refused(path, str(values.dtype), "must be finite numbers")


def tensor(tree: xr.DataTree, path: str) -> Tensor:
    """Return a variable of a result, in single precision."""
    return torch.from_numpy(np.array(array(tree, path).values, dtype=np.float32))


def _twin(tree: xr.DataTree, config: Config, system: System) -> Twin:
    """Restore truth and problem; masks follow from the config, data are those stored."""
    network = _network(tree, config, system)
    pieces = []
    for name, instrument in zip(unique_labels(config.operators), network.instruments, strict=True):
        path = f"observations/{name}/observed"
        fields = (config.window, len(instrument.operator.channels), *system.shape[-2:])
        check_shape(tree, path, fields)
        seen = instrument.take(tensor(tree, path))
        if not seen.isfinite().all():
            raise refused(path, "NaN", "must be present wherever the mask observes")
        pieces.append(seen)
    problem = Problem(
        system=system, prior=_prior(tree, config, system), network=network,
        data=torch.cat(pieces), background=_background(tree, config, system),
    )
    return Twin(config, system, tensor(tree, "truth/pv"), problem, torch.device("cpu"))


def _network(tree: xr.DataTree, config: Config, system: System) -> ObservingNetwork:
    if own_parts(tree) & {"system", "operators", "masks", "noise_family"}:
        return recorded_network(tree, config, system)
    return network_of(config, system)


def _prior(tree: xr.DataTree, config: Config, system: System) -> Prior:
    recorded = RecordedPrior(config.prior, (config.window, *system.shape))
    if own_parts(tree) & {"system", "prior"}:
        return recorded
    known = load_prior(config.prior, system)
    return known if known.window == recorded.window else recorded


def _background(tree: xr.DataTree, config: Config, system: System) -> Background | None:
    if config.background is None:
        return None
    check_numbers(tree, "background/pv", tuple(system.shape))
    return Background(tensor(tree, "background/pv"), config.background)


def _scores(tree: xr.DataTree, label: str) -> MethodScores:
    of: Any = tree["metrics"].to_dataset().sel({"method": label})
    begun = label in children(tree, "estimates")
    values = {f.name: of[f.name].values for f in fields(MethodScores) if f.name in of}
    known: dict[str, Any] = {
        name: value.item() if not value.ndim else value if begun else np.array([])
        for name, value in values.items()
    }
    return MethodScores(**known)


def refused(what: str, value: object, bound: str) -> InputError:
    """Make the error of a file that does not match its config."""
    return InputError(f"stored run: {what}", value, bound, REMEDY)
