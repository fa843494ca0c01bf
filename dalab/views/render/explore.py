"""Linked HoloViews maps of a finished result, with sliders for time and layer.

They need no network: the scripts that draw them stand in the notebook. So does the data of every
time and layer of results that are not too large, whose sliders then work without a kernel and in a
notebook exported to HTML.
"""

from __future__ import annotations

import sys
from typing import Any

import holoviews as hv
import xarray as xr

SIZE = 150
"""Side length of a map [pixels]."""

EMBEDDED = 16 * 2**20
"""Bytes of maps up to which a notebook holds all of them; the kernel is asked for others."""

_cells: set[str] = set()
"""Cells of this kernel whose outputs hold the scripts; empty texts where front ends name none."""


def explore(tree: xr.DataTree) -> hv.Layout:
    """Map the truth and every method's mean by time and layer, on one colour scale.

    A ring of sites is shown over time, a single cell as a curve.

    Args:
        tree: a result of a run, or of :func:`dalab.experiments.results.store.load`.

    Returns:
        A layout with sliders for time [days] and layer; PV is normalised. The first one of a kernel
        adds 6 MB of scripts to its notebook.
    """
    _load_scripts()
    fields = {"truth": tree["truth"].to_dataset()["pv"]}
    for label, node in tree["estimates"].children.items():
        fields[label] = node.to_dataset()["pv"].mean("member")
    if _cell() is not None:
        large = 4 * sum(field.size for field in fields.values()) > EMBEDDED
        hv.output(widgets="live" if large else "embed", widget_location="top_left")
    limit = float(abs(fields["truth"]).max())
    maps = [_map(field, name, limit) for name, field in fields.items()]
    return hv.Layout(maps).cols(4)


def _load_scripts() -> None:
    """Let the cell at work hold the scripts, unless another one does.

    A cell that is run again loses its output, and gets them anew.
    """
    cell = _cell()
    if cell is not None and _cells and cell not in _cells:
        hv.Store.set_current_backend("bokeh")
        return
    hv.extension("bokeh", logo=False, inline=True)
    if cell is not None:
        _cells.add(cell)


def _cell() -> str | None:
    """Name of the notebook cell at work; ``None`` outside of notebooks."""
    module = sys.modules.get("IPython")
    shell: Any = None if module is None else module.get_ipython()
    if not hasattr(shell, "kernel"):
        return None
    return str(shell.get_parent().get("metadata", {}).get("cellId", ""))


def _map(field: xr.DataArray, name: str, limit: float) -> hv.HoloMap:
    plain = _in_km(field.astype("float32").rename("PV"))
    if plain.sizes["x"] == 1:
        lines = hv.Dataset(plain[..., 0, 0].drop_vars(["y", "x"]))
        return lines.to(hv.Curve, "time", "PV", ["lev"], label=name).opts(
            hv.opts.Curve(ylim=(-limit, limit), frame_width=SIZE, frame_height=SIZE)
        )
    if plain.sizes["y"] == 1:
        plain = plain[..., 0, :].drop_vars("y")
        images = hv.Dataset(plain).to(hv.Image, ["x", "time"], "PV", ["lev"], label=name)
    else:
        images = hv.Dataset(plain).to(hv.Image, ["x", "y"], "PV", ["time", "lev"], label=name)
    return images.opts(
        hv.opts.Image(
            cmap="RdBu_r", clim=(-limit, limit), frame_width=SIZE, frame_height=SIZE,
            toolbar="above",
        )
    )


def _in_km(field: xr.DataArray) -> xr.DataArray:
    """The field without attributes, lengths in kilometres with their unit."""
    plain = field.drop_attrs()
    for name in ("x", "y"):
        if field[name].attrs.get("units") == "m":
            plain = plain.assign_coords({name: plain[name] / 1000})
            plain[name].attrs["units"] = "km"
    return plain
