"""Figure of a finished run: truth, observations, estimates and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage

from ...experiments.cycles.result import KIND
from ...experiments.experiment import schedule_of
from ...experiments.results.store import config_of
from ...files import replacing
from ..pictures.cycle_curves import mean_length, moving_mean
from ..pictures.style import TRUTH, UNOBSERVED, palette, plot_style

SHOWN = {"s-1": (1e6, "10$^{-6}$ s$^{-1}$"), "m": (1e-3, "km"), "day": (1.0, "days")}
"""Factor and label by units; values in other units are drawn unchanged."""


def figure(tree: xr.DataTree, step: int | None = None, layer: int = 0) -> Figure:
    """Draw a result that has a truth.

    Args:
        tree: a result, complete or partial.
        step: time that the maps show: by default the middle of a window, the last of cycles.
        layer: layer that the maps show, from 0.
    """
    labels = list(tree["estimates"].children) if "estimates" in tree.children else []
    times = _field(tree, "truth/pv").sizes["time"]
    if step is None:
        step = times - 1 if _is_cycled(tree) else times // 2
    page = Figure(figsize=(2.3 * max(len(labels) + 2, 4) + 0.6, 6.4), layout="constrained")
    top, bottom = cast(Any, page.subfigures(2, 1, height_ratios=[1, 1.15]))
    _maps(top, tree, labels, step, layer)
    (_cycle_curves if _is_cycled(tree) else _curves)(bottom.subplots(), tree, labels)
    time = _field(tree, "truth/pv")["time"]
    word = "day" if time.attrs.get("units") == "day" else "time"
    what = _quantity(tree).removesuffix(" anomaly")
    page.suptitle(
        f"{_experiment(tree)}: {what} of layer {layer + 1}, {word} {float(time[step]):g}"
    )
    return page


def write(tree: xr.DataTree, path: str | Path) -> Path:
    """Draw a result into a file, in the format of its suffix; return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as new:
        figure(tree).savefig(new, dpi=150)
    return path


def _field(tree: xr.DataTree, path: str) -> xr.DataArray:
    return cast(xr.DataArray, tree[path])


def _quantity(tree: xr.DataTree) -> str:
    """Describe the quantity of the state."""
    return str(_field(tree, "truth/pv").attrs["long_name"]).partition(",")[0]


def _experiment(tree: xr.DataTree) -> str:
    nodes = tree["observations"].children.items()
    seen = [f"{name} on {_brief(node.attrs['mask'])}" if "mask" in node.attrs else name
            for name, node in nodes]
    return f"{tree['truth'].attrs['source']} truth seen by {' and '.join(seen)}"


def _brief(mask: str) -> str:
    """Shorten the text of a mask with long options, such as a painted one."""
    return mask if len(mask) <= 40 else mask.partition(":")[0]


def _maps(part: SubFigure, tree: xr.DataTree, labels: list[str], step: int, layer: int) -> None:
    """Draw truth, observations and ensemble means, all PV on one scale."""
    axes = part.subplots(1, max(len(labels) + 2, 4), squeeze=False)[0]
    fields = {"truth": _field(tree, "truth/pv")}
    fields |= {label: _field(tree, f"estimates/{label}/pv").mean("member") for label in labels}
    stored = _field(tree, "pv_scale")
    factor, units = _shown(stored)
    scale = float(stored[layer]) * factor
    limit = 3 * float(fields["truth"][:, layer].std()) * scale
    places = [axes[0], *axes[2:]]
    for ax, (name, pv) in zip(places, fields.items(), strict=False):
        image = _map(ax, _section(pv[:, layer], step) * scale, limit, _title(tree, name, step))
    short = _quantity(tree).replace("potential vorticity", "PV")
    part.colorbar(image, ax=places[len(fields) - 1], label=f"{short}{units}", shrink=0.8)
    _observations(axes[1], tree, step, layer)
    for ax in places[len(fields) :]:
        ax.set_visible(False)


def _title(tree: xr.DataTree, name: str, step: int) -> str:
    if name == "truth":
        return name
    errors = _field(tree, "metrics/rmse_steps").sel({"method": name})
    cycles = tree["truth"].to_dataset().get("cycle")
    rmse = float(errors[step] if cycles is None else errors.sel(cycle=int(cycles[step])))
    return f"{name}, mean\nRMSE {rmse:.3f}"


def _observations(ax: Axes, tree: xr.DataTree, step: int, layer: int) -> None:
    """Draw the observations of the first operator, in its own units."""
    name = next(iter(tree["observations"].children))
    seen = _field(tree, f"observations/{name}/observed")
    channel = min(layer, seen.sizes["channel"] - 1)
    values = _section(seen[:, channel], step)
    limit = float(np.nanmax(np.abs(values), initial=1e-6)) if np.isfinite(values).any() else 1.0
    label = f"{name} ({str(seen['channel'].values[channel])})\nwithin ±{limit:.2f}"
    _map(ax, values, limit, label)


def _section(fields: xr.DataArray, step: int) -> xr.DataArray:
    """Select one step of ``(time, y, x)``; for a grid of one row all steps, with time along y."""
    return fields[:, 0] if fields.sizes["y"] == 1 else fields[step]


def _shown(values: xr.DataArray) -> tuple[float, str]:
    """Return the factor and the bracketed units in which values are drawn."""
    factor, units = SHOWN.get(values.attrs.get("units", "1"), (1.0, ""))
    return factor, f" [{units}]" if units else ""


def _edges(coordinate: xr.DataArray) -> tuple[float, float]:
    """Return the outer edges of the cells of a regular axis, in the units drawn."""
    values = coordinate.values * _shown(coordinate)[0]
    half = (values[1] - values[0]) / 2 if len(values) > 1 else 0.5
    return values[0] - half, values[-1] + half


def _map(ax: Axes, values: xr.DataArray, limit: float, title: str) -> AxesImage:
    colours = ListedColormap(palette("diverging")).with_extremes(bad=UNOBSERVED)
    y, x = (values[name] for name in values.dims)
    image = ax.imshow(
        values.values, origin="lower", cmap=colours, norm=Normalize(-limit, limit),
        extent=(*_edges(x), *_edges(y)), interpolation="nearest",
        aspect="equal" if y.name == "y" else "auto",
    )
    ax.set_title(title, fontsize=9)
    ax.set_xlabel(f"{x.name}{_shown(x)[1]}", fontsize=8)
    ax.tick_params(labelsize=7)
    place = ax.get_subplotspec()
    if place is not None and place.is_first_col():
        ax.set_ylabel(f"{y.name}{_shown(y)[1]}", fontsize=8)
    else:
        ax.set_yticklabels([])
    return image


def _curves(ax: Axes, tree: xr.DataTree, labels: list[str]) -> None:
    """Draw the error of the ensemble mean (thick) and of one sample (thin) at every step."""
    metrics = tree["metrics"].to_dataset()
    days = _field(tree, "time").values
    for label in labels:
        of = metrics.sel({"method": label})
        own = plot_style(label)
        ax.plot(days, of["rmse_steps"], linewidth=2.2, label=f"{label}, ensemble mean", **own)
        ax.plot(days, of["rmse_sample_steps"], linewidth=0.9, label=f"{label}, one sample",
                **{**own, "marker": ""})
    ax.axhline(1.0, color="0.5", linewidth=0.8)
    ax.annotate("climatology", (days[-1], 1.0), ha="right", va="bottom", color="0.4", fontsize=8)
    ax.set(xlabel=f"time{_shown(_field(tree, 'time'))[1]}", ylabel="RMSE [normalised]")
    ax.set_xlim(days[0], days[-1])
    ax.set_ylim(0, min(ax.get_ylim()[1], 2.0))
    ax.grid(alpha=0.25)
    if labels:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False,
                  handlelength=3.2)


def _cycle_curves(ax: Axes, tree: xr.DataTree, labels: list[str]) -> None:
    """Draw the error of every cycle (thin) and its moving mean (thick); the burn-in is shaded."""
    planned = schedule_of(config_of(tree))
    if planned is None:
        return
    errors = _field(tree, "metrics/rmse_steps")
    length = mean_length(planned.cycles)
    for label in labels:
        own, values = {**plot_style(label), "marker": ""}, errors.sel({"method": label}).values
        ax.plot(errors["cycle"], values, alpha=0.3, linewidth=0.8, **own)
        ax.plot(errors["cycle"], moving_mean(values, length), linewidth=2.2, label=label, **own)
    ax.axvspan(0, planned.burn_in, color=TRUTH, alpha=0.16, linewidth=0)
    ax.set(xlabel=f"cycle (thick: mean of {length} cycles)", ylabel="RMSE [normalised]",
           yscale="log", xlim=(0, planned.cycles))
    ax.grid(alpha=0.25)
    if labels:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)


def _is_cycled(tree: xr.DataTree) -> bool:
    return tree.attrs.get("kind") == KIND


__all__ = ["figure", "write"]
