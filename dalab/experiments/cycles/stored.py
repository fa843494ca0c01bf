"""Finished cycled runs restored from result files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr

from ...errors import InputError
from ..config import Config, unique_labels
from ..experiment import schedule_of
from ..progress import MethodScores, Progress
from ..results.recorded import system_of
from ..results.store import COSTS
from ..results.stored_run import (
    STATES,
    StoredRun,
    array,
    check_numbers,
    check_shape,
    children,
    methods_of,
    refused,
    stored_config,
    tensor,
)
from ..schedule import Schedule
from .further import FURTHER_NAMES
from .recorder import Recorder, Snapshot
from .result import KIND, MEAN_SCORES

SUFFIX = "_cycles"
"""End of the names of scores of every cycle."""


class StoredCycles(StoredRun):
    """A finished cycled run restored from its result: its curves, ranks and last states.

    Args:
        tree: a result of a cycled experiment, complete or partial, as :func:`dalab.load` reads it.

    Raises:
        InputError: if the tree does not match its config.
    """

    def __init__(self, tree: xr.DataTree) -> None:
        self.config, self.result = stored_config(tree), tree
        self.system, self.twin = system_of(tree), None  # type: ignore[assignment]
        self._schedule = _check(tree, self.config)
        self.state = STATES[str(tree.attrs["status"])]
        self.channels = [
            (text, [str(c) for c in array(tree, f"observations/{name}/channel").values])
            for text, name in zip(
                self.config.operators, unique_labels(self.config.operators), strict=True
            )
            if name in children(tree, "observations")
        ]
        self.recorders = {label: self._recorder(label) for label in children(tree, "ranks")}
        self.scores = {label: self._scores(label) for label in methods_of(tree)}
        seconds = float(np.nansum([s.seconds for s in self.scores.values()]))
        self.progress = Progress(
            "", len(self.scores) - 1, len(self.scores), 1.0, elapsed=seconds
        )

    def _recorder(self, label: str) -> Recorder:
        """Return the recorder of a method as it was in the end."""
        tree, config = self.result, self.config
        counts = array(tree, f"ranks/{label}/count").values
        made = Recorder(self.system, self._schedule, config.repeats, len(counts) - 1)
        of: Any = tree["metrics"].to_dataset().sel({"method": label})
        series = {
            str(name).removesuffix(SUFFIX): torch.from_numpy(of[name].values.copy())
            for name in of if str(name).endswith(SUFFIX)
        }
        known = torch.isfinite(series["rmse_analysis"]).all(0).nonzero()
        cycle = int(known.max()) + 1 if len(known) else 0
        made.load({
            "cycle": cycle, "seconds": float(of["seconds"]), "warning": "",
            "burn_in": self._schedule.burn_in,
            "ring": [vars(snapshot) for snapshot in self._ring(label)],
            "series": {name: values[:, :cycle] for name, values in series.items()},
            "rank_counts": torch.from_numpy(counts.astype(np.int64)),
        })
        return made

    def _ring(self, label: str) -> list[Snapshot]:
        """Return the last states of a method, as far as their truth is known."""
        tree = self.result
        if label not in children(tree, "estimates") or "truth" not in tree.children:
            return []
        truth, given = tensor(tree, "truth/pv"), array(tree, "truth/cycle").values.tolist()
        analysis, forecast = (tensor(tree, f"estimates/{label}/{n}") for n in ("pv", "forecast"))
        observed = [tensor(tree, f"observations/{name}/observed")
                    for name in unique_labels(self.config.operators)]
        stages = {name: tensor(tree, f"estimates/{label}/{name}")
                  for name in _stages(tree, label)}
        found = []
        for number, cycle in enumerate(array(tree, f"estimates/{label}/cycle").values.tolist()):
            if cycle in given:
                at = given.index(cycle)
                fields = tuple(values[at] for values in observed)
                seen = fields if any(f.isfinite().any() for f in fields) else ()
                passed = {name: x[:, number] for name, x in stages.items()
                          if x[:, number].isfinite().all()}
                found.append(Snapshot(
                    cycle, truth[at], forecast[:, number], analysis[:, number], seen,
                    stages=passed,
                ))
        return found

    def _scores(self, label: str) -> MethodScores:
        of: Any = self.result["metrics"].to_dataset().sel({"method": label})
        known = self.recorders.get(label)
        values = {name: of[name].item() for name in (*COSTS, *MEAN_SCORES) if name in of}
        curves = {} if known is None else {
            f"{part}_steps": known.series[name][:, : known.cycle].mean(0)
            for part, name in (("rmse", "rmse_analysis"), ("rmse_sample", "rmse_sample"),
                               ("spread", "spread_analysis"))
        }
        further = {name: of[name].item() for name in FURTHER_NAMES if name in of}
        return MethodScores(
            status=str(of["status"].item()), burn_in=self._schedule.burn_in, further=further,
            **curves, **values,
        )


def _check(tree: xr.DataTree, config: Config) -> Schedule:
    """Check that every part has the shape that the config implies; return its schedule."""
    if tree.attrs.get("status") not in STATES:
        raise refused("status", tree.attrs.get("status"), f"must be one of {', '.join(STATES)}")
    planned = schedule_of(config)
    if planned is None:
        raise refused("cycles", config.cycles, "must be given")
    methods, shape = methods_of(tree), tuple(system_of(tree).shape)
    for name in ("rmse_analysis", "rmse_sample", "spread_analysis"):
        check_shape(
            tree, f"metrics/{name}{SUFFIX}", (len(methods), config.repeats, planned.cycles)
        )
    for name in (*COSTS, "status"):
        check_shape(tree, f"metrics/{name}", (len(methods),))
    for label in children(tree, "estimates"):
        if label not in methods:
            raise refused("estimate", label, f"must be of {', '.join(methods)}")
        sizes = array(tree, f"estimates/{label}/pv").sizes
        wanted = (sizes.get("member", 0), sizes.get("time", 0), *shape)
        for name in ("pv", "forecast"):
            check_numbers(tree, f"estimates/{label}/{name}", wanted)
        for name in _stages(tree, label):
            check_shape(tree, f"estimates/{label}/{name}", wanted)
        check_shape(tree, f"estimates/{label}/cycle", wanted[1:2])
    if "truth" in tree.children:
        times = array(tree, "truth/pv").sizes.get("time", 0)
        check_numbers(tree, "truth/pv", (times, *shape))
        check_shape(tree, "truth/cycle", (times,))
    return planned


def _stages(tree: xr.DataTree, label: str) -> list[str]:
    """Names of the members between forecast and analysis that a result holds of a method."""
    node = tree["estimates"].children[label]
    return [str(name) for name in node.data_vars if name not in ("pv", "forecast")]


def restore(tree: xr.DataTree) -> StoredRun:
    """Restore the run of a result, of a window or of cycles.

    Raises:
        InputError: if the tree does not match its config.
    """
    try:
        return StoredCycles(tree) if tree.attrs.get("kind") == KIND else StoredRun(tree)
    except InputError:
        raise
    except Exception as error:  # a file may have been changed in any way
        reason = " ".join(str(error).split())[:200]
        raise refused("content", type(error).__name__, f"must fit its config ({reason})") from None
