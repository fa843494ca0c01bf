"""Linked HoloViews maps of a finished result, with sliders for time and layer."""

from __future__ import annotations

import holoviews as hv
import xarray as xr

SIZE = 230
"""Side length of a map [pixels]."""


def explore(tree: xr.DataTree) -> hv.Layout:
    """Map the truth and every method's mean by time and layer, on one colour scale.

    A ring of sites is shown over time, a single cell as a curve.

    Args:
        tree: a result of a run, or of :func:`dalab.experiments.results.store.load`.

    Returns:
        A layout with sliders for time [days] and layer; PV is normalised.
    """
    hv.extension("bokeh", logo=False)
    fields = {"truth": tree["truth"].to_dataset()["pv"]}
    for label, node in tree["estimates"].children.items():
        fields[label] = node.to_dataset()["pv"].mean("member")
    limit = float(abs(fields["truth"]).max())
    maps = [_map(field, name, limit) for name, field in fields.items()]
    return hv.Layout(maps).cols(4)


def _map(field: xr.DataArray, name: str, limit: float) -> hv.HoloMap:
    plain = field.astype("float32").rename("PV").drop_attrs()
    if plain.sizes["x"] == 1:
        lines = hv.Dataset(plain[..., 0, 0].drop_vars(["y", "x"]))
        return lines.to(hv.Curve, "time", "PV", ["lev"], label=name).opts(
            hv.opts.Curve(ylim=(-limit, limit), width=SIZE, height=SIZE)
        )
    if plain.sizes["y"] == 1:
        plain = plain[..., 0, :].drop_vars("y")
        images = hv.Dataset(plain).to(hv.Image, ["x", "time"], "PV", ["lev"], label=name)
    else:
        images = hv.Dataset(plain).to(hv.Image, ["x", "y"], "PV", ["time", "lev"], label=name)
    return images.opts(
        hv.opts.Image(
            cmap="RdBu_r", clim=(-limit, limit), width=SIZE, height=SIZE, toolbar="above"
        )
    )
