"""Result of a cycled experiment as one ``xarray.DataTree``.

=========================== ==================================================================
node                        contents
=========================== ==================================================================
``/``                       coordinates of a state; config, seed, versions, status as attributes
``/metrics``                scores of every cycle by (method, repeat, cycle); their means after the
                            burn-in by (method), with standard errors in ``NAME_err``
``/ranks/METHOD``           rank of the truth among the members, counted after the burn-in
``/truth``                  ``pv`` (time, lev, y, x): the last times of the first repeat
``/observations/OPERATOR``  ``observed`` (time, channel, y, x) at these times
``/estimates/METHOD``       ``pv`` (member, time, lev, y, x) and ``forecast``, at these times;
                            members between both, such as ``latent``, NaN without observations
``/kept``                   ``truth`` and one variable per method, whole ensembles at the cycles
                            that were to be kept: (kept, repeat, member, lev, y, x); with a folder
                            of checkpoints they stay there until they are asked for
=========================== ==================================================================

Times are those of the run, since its start. States are normalised as in the result of a window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr

from ...metrics import online
from ..config import unique_labels
from ..experiment import Experiment
from ..progress import MethodScores
from ..results.cf import describe_states, normalisation, numbers, space, states, texts
from ..results.store import COSTS, attributes
from .further import FURTHER
from .kept import KeptStates
from .recorder import INNOVATIONS, SCORES, SHOCKS, SMOOTHED, Recorder, Snapshot

KIND = "cycles"
"""Attribute ``kind`` of the result of a cycled experiment."""

CYCLE = "number of the cycle"

MEANS = {
    "rmse_mean": "rmse_analysis", "rmse_forecast": "rmse_forecast", "rmse_sample": "rmse_sample",
    "rmse_units": "rmse_units", "crps": "crps", "spread": "spread_analysis",
    "energy_score": "energy_score", "coverage": "coverage", **{name: name for name in INNOVATIONS},
}
"""Means over the cycles after the burn-in, and the scores that they are means of."""

MEAN_SCORES = (
    "crps", "crps_err", "spread_skill", "rmse_mean_err", "rmse_forecast", "rmse_forecast_err",
    "spread", "coverage",
)
"""Those that the score tables of runs show, as fields of :class:`MethodScores`."""


def assemble_cycles(
    experiment: Experiment, scores: Mapping[str, MethodScores],
    recorders: Mapping[str, Recorder], kept: KeptStates,
) -> xr.DataTree:
    """Assemble the result of a cycled experiment, complete or partial.

    Args:
        experiment: what was run.
        scores: costs and status of every method.
        recorders: of the methods that have begun.
        kept: whole ensembles at chosen cycles.
    """
    system = experiment.system
    about = attributes(experiment, str(experiment.device), scores) | {"kind": KIND}
    nodes = {"/": xr.Dataset(normalisation(system), space(system), about)}
    nodes["/metrics"] = _metrics(experiment, scores, recorders)
    for label, recorder in recorders.items():
        nodes[f"/ranks/{label}"] = _ranks(recorder)
        if recorder.ring:
            nodes[f"/estimates/{label}"] = _estimates(experiment, recorder, scores[label], label)
    longest = max((list(r.ring) for r in recorders.values()), key=_newest, default=[])
    if longest:
        nodes |= _given(experiment, longest)
    kept_truth = kept.read("truth")
    if kept_truth is not None:
        nodes["/kept"] = _kept(experiment, kept, kept_truth, list(recorders))
    return xr.DataTree.from_dict(nodes)


def _newest(ring: list[Snapshot]) -> tuple[int, int]:
    return (ring[-1].cycle if ring else 0, len(ring))


# --- scores ---------------------------------------------------------------------------------------


def _metrics(
    experiment: Experiment, scores: Mapping[str, MethodScores], recorders: Mapping[str, Recorder]
) -> xr.Dataset:
    cycles, repeats = experiment.cycling.cycles, experiment.repeats
    known = {**SCORES, **INNOVATIONS, **SMOOTHED, **SHOCKS, **FURTHER}
    names = list(dict.fromkeys(n for r in recorders.values() for n in r.series)) or list(SCORES)
    empty = np.full((repeats, cycles), np.nan)
    found = xr.Dataset(coords={
        "method": texts(list(scores)),
        "repeat": numbers("repeat", range(repeats), "number of the repeat"),
        "cycle": numbers("cycle", range(1, cycles + 1), CYCLE),
    })
    for name in names:
        values = [_series(recorders.get(label), name, empty) for label in scores]
        about = {"long_name": known.get(name, name.replace("_", " ")), "units": "1"}
        found[f"{name}_cycles"] = (("method", "repeat", "cycle"), np.stack(values), about)
    found["rmse_steps"] = found["rmse_analysis_cycles"].mean("repeat").assign_attrs(
        long_name=f"{SCORES['rmse_analysis']}, mean over repeats", units="1"
    )
    return _with_costs(_with_means(found, scores, recorders), scores)


def _series(recorder: Recorder | None, name: str, empty: np.ndarray) -> np.ndarray:
    return empty if recorder is None else recorder.series.get(name, empty)


def _with_means(
    found: xr.Dataset, scores: Mapping[str, MethodScores], recorders: Mapping[str, Recorder]
) -> xr.Dataset:
    further = {name: name for name in FURTHER if f"{name}_cycles" in found}
    for name, series in (MEANS | further).items():
        pairs = [
            recorders[label].mean(series) if label in recorders else (np.nan, np.nan)
            for label in scores
        ]
        mean, error = np.array(pairs).T
        text = f"mean of {series}_cycles after the burn-in"
        found[name] = ("method", mean, {"long_name": text, "units": "1"})
        found[f"{name}_err"] = (
            "method", error, {"long_name": f"standard error of {name}", "units": "1"}
        )
    ratios = [r.spread_skill if (r := recorders.get(label)) else np.nan for label in scores]
    found["spread_skill"] = ("method", ratios, {"long_name": "spread/skill ratio", "units": "1"})
    return found


def _with_costs(found: xr.Dataset, scores: Mapping[str, MethodScores]) -> xr.Dataset:
    for name, (long_name, units) in COSTS.items():
        values = [getattr(s, name) for s in scores.values()]
        found[name] = ("method", values, {"long_name": long_name, "units": units})
    found["status"] = ("method", texts([s.status for s in scores.values()]))
    return found


def _ranks(recorder: Recorder) -> xr.Dataset:
    _, level = online.central(recorder.members)
    about = {"long_name": "truths at each rank among the members", "units": "1"}
    ranks = numbers("rank", range(1, recorder.members + 2), "rank of the truth, from 1")
    return xr.Dataset(
        {"count": ("rank", recorder.rank_counts, about)}, {"rank": ranks},
        {"central_interval": level},
    )


# --- states ---------------------------------------------------------------------------------------


def times(experiment: Experiment, cycles: list[int]) -> xr.DataArray:
    """Times of cycles since the start of the run, in the unit in which the system shows them."""
    system = experiment.system
    step = experiment.cycling.interval * system.interval / system.displayed_time[1]
    about = {"long_name": "time since the start of the run", "units": system.displayed_time[0]}
    return xr.DataArray(np.array(cycles) * step, dims="time", attrs=about)


def _estimates(
    experiment: Experiment, recorder: Recorder, scores: MethodScores, label: str
) -> xr.Dataset:
    ring, system = list(recorder.ring), experiment.system
    pairs = {"pv": [s.analysis for s in ring], "forecast": [s.forecast for s in ring]}
    for name in dict.fromkeys(name for s in ring for name in s.stages):
        pairs[name] = [s.stages.get(name, torch.full_like(s.analysis, torch.nan)) for s in ring]
    return xr.Dataset(
        {name: states(torch.stack(values, 1), system, "member", "time", what=f"{name} by {label}")
         for name, values in pairs.items()},
        _at(experiment, ring), {"status": scores.status},
    )


def _at(experiment: Experiment, ring: list[Snapshot]) -> dict[str, xr.DataArray]:
    cycles = [s.cycle for s in ring]
    return {
        "time": times(experiment, cycles),
        "cycle": numbers("time", cycles, CYCLE),
    }


def _given(experiment: Experiment, ring: list[Snapshot]) -> dict[str, xr.Dataset]:
    system, config = experiment.system, experiment.config
    truth = states(torch.stack([s.truth for s in ring]), system, "time", what="truth")
    at = _at(experiment, ring)
    nodes = {"/truth": xr.Dataset({"pv": truth}, at, {"source": config.truth})}
    for i, name in enumerate(unique_labels(config.operators)):
        channels = experiment.observing.instruments[i].operator.channels
        shape = (len(channels), *system.shape[-2:])
        fields = [s.observed[i] if s.observed else torch.full(shape, torch.nan) for s in ring]
        seen = xr.DataArray(
            torch.stack(fields).numpy(), dims=("time", "channel", "y", "x"),
            attrs={"long_name": f"observed {config.operators[i]}", "units": "1"},
        )
        coords = {**at, "channel": texts(channels)}
        nodes[f"/observations/{name}"] = xr.Dataset({"observed": seen}, coords)
    return nodes


def _kept(
    experiment: Experiment, kept: KeptStates, truth: Any, labels: list[str]
) -> xr.Dataset:
    dims = experiment.system.dims

    def about(what: str) -> dict[str, str]:
        return describe_states(experiment.system, what)

    found = {"truth": (("kept", "repeat", *dims), truth, about("truth"))}
    for label in labels:
        values = kept.read(f"estimates/{label}")
        if values is not None:
            named = ("kept", "repeat", f"member_{label}", *dims)
            found[label] = (named, values, about(f"estimate by {label}"))
    return xr.Dataset(found, {"kept": numbers("kept", kept.schedule.kept, CYCLE)})
