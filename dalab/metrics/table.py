"""Score table: one row per method, in data frames and plain data."""

from __future__ import annotations

from typing import Any, cast

import pandas as pd
import xarray as xr

from .columns import FURTHER_COLUMNS, columns_of
from .summary import STEPS

CYCLED = ("rmse_mean_err", "rmse_forecast", "rmse_forecast_err", "crps_err", "spread", "coverage")
"""Further columns of cycled experiments, whose scores are means over cycles after the burn-in."""

FURTHER = tuple(key for column in FURTHER_COLUMNS for key in (column.key, column.error) if key)
"""Columns of the cycled experiments that have these scores."""

COLUMNS = (
    "method", "rmse_sample", "rmse_mean", "crps", "spread_skill", "network_evaluations", "seconds",
    "peak_memory_mb", "members", "status",
)


def table(tree: xr.DataTree) -> pd.DataFrame:
    """One row per method, in the order of the run.

    The columns are those of :data:`COLUMNS`, and of :data:`CYCLED` for a cycled experiment, with
    those of :data:`FURTHER` that it has.

    Args:
        tree: a result, complete or partial; missing values are NaN.
    """
    metrics = tree["metrics"].to_dataset()
    further = [name for name in FURTHER if name in metrics]
    names = [*COLUMNS, *CYCLED, *further] if is_cycled(tree) else COLUMNS
    columns = {name: metrics[name].values for name in names}
    frame = pd.DataFrame(columns)
    counts = {"network_evaluations": int, "members": int}
    return frame.astype(counts)


def html_table(tree: xr.DataTree) -> str:
    """The score table as HTML, with the columns and digits of the interfaces; for notebooks."""
    found = table(tree)
    rows, columns = found.to_dict("records"), columns_of(is_cycled(tree), found.columns)
    frame = pd.DataFrame(
        [{"method": row["method"], **{column.title: column.cell(row) for column in columns},
          "status": row["status"]} for row in rows]
    )
    return frame.to_html(index=False, border=0)


def to_pandas(tree: xr.DataTree) -> pd.DataFrame:
    """Tidy scores of a result: one row per method and step, methods in the order of the run.

    The columns are ``method``, ``time``, the scores of :data:`dalab.metrics.summary.STEPS`, and
    ``members`` and ``status`` of the method. A cycled experiment has one row per method, repeat and
    cycle, with all scores of a cycle.
    """
    if is_cycled(tree):
        return _cycles(tree)
    metrics = tree["metrics"].to_dataset()[[*STEPS, "members", "status"]]
    frame = metrics.to_dataframe(dim_order=["method", "time"]).reset_index()
    order = {name: i for i, name in enumerate(metrics["method"].values)}
    frame = frame.sort_values(["method", "time"], key=lambda c: c.map(order) if c.name == "method"
                              else c)
    return frame[["method", "time", *STEPS, "members", "status"]]


def is_cycled(tree: xr.DataTree) -> bool:
    """True for the result of a cycled experiment."""
    return tree.attrs.get("kind") == "cycles"


def _cycles(tree: xr.DataTree) -> pd.DataFrame:
    """One row per method, repeat and cycle."""
    metrics = tree["metrics"].to_dataset()
    scores = {name: name.removesuffix("_cycles") for name in map(str, metrics.data_vars)
              if name.endswith("_cycles")}
    found = metrics[[*scores, "members", "status"]].rename(scores)
    order = {name: i for i, name in enumerate(metrics["method"].values)}
    frame = found.to_dataframe(dim_order=["method", "repeat", "cycle"]).reset_index()
    return frame.sort_values(["method", "repeat", "cycle"], ignore_index=True,
                             key=lambda c: c.map(order) if c.name == "method" else c)


def records(tree: xr.DataTree) -> dict[str, dict[str, Any]]:
    """Scores by method as plain data with the public names; NaN becomes ``None``.

    The columns of :func:`table`, and ``rmse_steps``: the RMSE of the ensemble mean at every step.
    """
    steps = cast(xr.DataArray, tree["metrics/rmse_steps"])
    rows = table(tree).to_dict("records")
    found = {}
    for row in rows:
        method = row.pop("method")
        found[method] = {name: _plain(value) for name, value in row.items()}
        per_step = steps.sel({"method": method}).to_numpy().tolist()
        found[method]["rmse_steps"] = [_plain(value) for value in per_step]
    return found


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
