"""Posterior page: calibration, spectra and members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import panel as pn
import param
import torch
import xarray as xr
from bokeh.models import BasicTicker, FixedTicker

from ....experiments.results.diagnostics import (
    Calibration,
    Spectra,
    calibration,
    ensembles,
    spectra,
)
from ....experiments.results.inversion import Inversion, inversions
from ....experiments.results.recorded import system_of
from ...model.cycled_display import CycledDisplay
from ...model.lab import LabModel
from ...model.observed_run import ObservedRun
from ...pictures.field_plot import FieldPlot, estimate_plot, truth_plot
from ...pictures.grid_layout import BOTTOM, LEFT, SIDE, TITLE
from ...pictures.style import colour
from ..fields import field
from ..plots.field_map import Map, set_visible, shared_ranges
from ..plots.line_chart import LEGEND, Chart, Line, legend
from .result_page import ResultPage

GALLERY = 8
"""Number of maps in the gallery: the truth, the mean, and members."""

COLUMNS = 4

CONTENTS = {
    "Rank histogram": "flat if the truth is indistinguishable from the members",
    "Coverage": "share of cells whose truth lies within central intervals of the members",
    "Spread / skill": "1 if the spread of the members equals the error of their mean",
    "Spectra": "variance of members, mean and error by wavenumber",
    "Kept of the forecast": "share of the forecast in the analysis, of methods that invert it",
    "Members": "maps of single members beside the truth",
}


class MethodChoice(param.Parameterized):
    """The method whose spectra and members are shown."""

    method = param.Selector(objects=[""], label="Method", check_on_set=False)


class PosteriorPage(ResultPage):
    """Rank histogram, coverage and spread/skill of all methods; spectra and members of one.

    Args:
        model: view-model of the page.
    """

    def __init__(self, model: LabModel) -> None:
        self.chosen = MethodChoice()
        super().__init__(model, "Is the posterior calibrated?", CONTENTS)
        self._found: tuple[xr.DataTree, Any] | None = None
        self.chosen.param.watch(lambda *events: self._draw_one(), "method")
        model.display.param.watch(
            lambda *events: self._draw_gallery(), ["time", "layer", "quantity"]
        )

    def build(self) -> pn.viewable.Viewable:
        """Make three charts of all methods, and a chart and the gallery of one of them."""
        self.legend = pn.pane.HTML("", stylesheets=[LEGEND], sizing_mode="stretch_width",
                                   margin=(22, 10, 0, 10))
        self.ranks = Chart("Rank of the truth among the members", "rank / (members + 1)",
                           "share / expected share", ideal=1.0, top=3.0)
        self.cover = Chart("Coverage of central intervals", "expected share", "share",
                           x_range=(0, 1), top=1.0)
        self.ratio = Chart("Spread / skill in time", "time", "spread / RMSE of the mean",
                           ideal=1.0, top=2.0)
        self.spectra = Chart("Spectra", "wavenumber (per domain)",
                             "variance per wavenumber (normalised)",
                             x_axis_type="log", y_axis_type="log")
        self.spectra.figure.xaxis.ticker = FixedTicker(ticks=[1, 2, 5, 10, 20, 50, 100])
        self.forecast_share = Chart("Kept of the forecast", "wavenumber (per domain)", "share",
                                    top=1.05)
        ranges = shared_ranges()
        self.maps = [Map(ranges) for _ in range(GALLERY)]
        method = field(self.chosen, "method")
        method.param.update(width=150, sizing_mode=None)
        self.chosen.param.watch(lambda event: method.param.update(options=list(event.new)),
                                "method", what="objects")
        self.gallery = pn.GridBox(*(pn.pane.Bokeh(m.figure, margin=0) for m in self.maps),
                                  ncols=COLUMNS, margin=0)
        charts = (self.ranks, self.cover, self.ratio)
        return pn.Column(
            pn.Row(method, self.legend, margin=(0, 6), sizing_mode="stretch_width"),
            pn.Row(*(chart.pane for chart in charts), margin=(0, 10)),
            pn.Row(pn.Column(self.spectra.pane, self.forecast_share.pane, margin=0), self.gallery,
                   margin=(0, 10)),
            margin=0, sizing_mode="stretch_width",
        )

    def set_size(self, width: int, height: int) -> None:
        """Fit the charts and, below them, the largest maps into width and height [pixels]."""
        across, top = width // 3, max((height - 60) // 3, 205)
        wide = (width - across - LEFT - SIDE) // COLUMNS - 2 * SIDE
        high = (height - 60 - top) // 2 - TITLE - BOTTOM
        size = max(min(wide, high), 90)
        for chart in (self.ranks, self.cover, self.ratio):
            chart.set_size(across, top)
        self._lower = across, 2 * (size + TITLE + BOTTOM)
        self._share_lower()
        for number, shown in enumerate(self.maps):
            shown.set_size(size, left=number % COLUMNS == 0)

    def _share_lower(self) -> None:
        """Share the place below among the charts of one method that are shown."""
        shown = [c for c in (self.spectra, self.forecast_share) if c.figure.visible]
        for chart in shown:
            chart.set_size(self._lower[0], self._lower[1] // len(shown))

    def key(self) -> tuple:
        """Return the layer of the spectra."""
        return (self.model.display.state.layer,)

    def compute(self, tree: xr.DataTree, *key: Any) -> Any:
        """Compute calibration and spectra of every method, and what inversions keep."""
        layer = min(key[0], tree.sizes["lev"] - 1)
        return calibration(tree), spectra(tree, layer), inversions(tree, layer)

    def draw(self, tree: xr.DataTree, found: Any) -> None:
        """Draw the charts of all methods, then those of the selected one."""
        self._found = tree, found
        known, (_, of_methods), _ = found
        self.legend.object = legend(list(known))
        self._draw_all(known, system_of(tree).time_label)
        self.chosen.param.method.objects = list(of_methods)
        if self.chosen.method not in of_methods:
            self.chosen.method = next(iter(of_methods))
        else:
            self._draw_one()

    def _draw_all(self, known: dict[str, Calibration], time: str) -> None:
        several = {name: one for name, one in known.items() if len(one.ranks)}
        self.ranks.show([
            Line(name, (np.arange(len(one.ranks)) + 0.5) / len(one.ranks), one.ranks)
            for name, one in several.items()
        ])
        self.cover.show([
            Line("truth", [0, 1], [0, 1], dash="dotted", width=1.0),
            *(Line(name, [0, *one.expected, 1], [0, *one.covered, 1])
              for name, one in several.items()),
        ])
        self.ratio.show([
            Line(name, np.arange(len(one.ratio)), one.ratio) for name, one in several.items()
        ], x=time)

    def _draw_one(self) -> None:
        """Draw spectra and members of the selected method."""
        if self._found is None or not self.chosen.method:
            return
        truth, of_methods = self._found[1][1]
        one: Spectra | None = of_methods.get(self.chosen.method)
        if one is None:
            return
        set_visible(self.spectra.pane, len(truth) > 0)
        self._draw_kept(self._found[1][2].get(self.chosen.method))
        self.spectra.show([
            _scales("truth", truth, "solid", 5.0), _scales(self.chosen.method, one.member, "solid"),
            _scales(self.chosen.method, one.mean, "dashed"),
            _scales(self.chosen.method, one.error, "dotted"),
        ])
        self.spectra.title("Spectra: mean dashed, error dotted")
        self._draw_gallery()

    def _draw_kept(self, found: Inversion | None) -> None:
        """Draw how much of the forecast is left in the latents and in the analyses."""
        set_visible(self.forecast_share.pane, found is not None)
        self._share_lower()
        if found is None:
            return
        name, x = self.chosen.method, np.arange(1, len(found.measured.analysis) + 1)
        lines = [
            Line(name, x, found.measured.latent, "dotted", label="latent"),
            Line(name, x, found.measured.analysis, "solid", label="analysis"),
        ]
        if found.gaussian is not None:
            lines[:0] = [
                Line("truth", x, found.gaussian.latent, "dotted", 3.5, "latent, Gaussian"),
                Line("truth", x, found.gaussian.analysis, "solid", 3.5, "analysis, Gaussian"),
            ]
        if found.kalman is not None:
            lines.insert(0, Line("truth", x, found.kalman, "dashed", 1.5, "Kalman"))
        self.forecast_share.show(lines)
        self.forecast_share.title("Kept: latent dotted, theory grey, Kalman dashed")
        self._label_scales(found.names)

    def _label_scales(self, names: Sequence[str]) -> None:
        """Label the horizontal axis: wavenumbers, or the variables of a point system."""
        axis = self.forecast_share.figure.xaxis[0]
        axis.axis_label = "variable" if names else "wavenumber (per domain)"
        axis.ticker = FixedTicker(ticks=list(range(1, len(names) + 1))) if names else BasicTicker()
        axis.major_label_overrides = {n: name for n, name in enumerate(names, 1)}

    def _draw_gallery(self) -> None:
        """Draw the truth, the mean and the first members at the selected time."""
        ended = self.model.runs.ended
        if self._found is None or ended is None or not self._shown:
            return
        if ended.cycled:
            self._show_gallery(self._cycled_gallery(ended))
            return
        if ended.twin_fields is None:
            return
        estimate = ensembles(self._found[0]).get(self.chosen.method)
        if estimate is None:
            return
        states, twin_fields = torch.from_numpy(estimate.values), ended.twin_fields
        display = replace(self.model.display.state, view="sample")
        plots = [
            replace(truth_plot(twin_fields, display), note=""),
            estimate_plot("Mean", "", states, twin_fields, replace(display, view="mean")),
        ]
        for number in range(1, min(len(states), GALLERY - 2) + 1):
            chosen = replace(display, member=number)
            plots.append(estimate_plot(f"Member {number}", "", states, twin_fields, chosen))
        self._show_gallery(plots)

    def _cycled_gallery(self, ended: ObservedRun) -> list[FieldPlot]:
        """Plot the truth, the mean and the first members of a cycled run at its newest cycle."""
        shown, display = CycledDisplay(), self.model.display.state
        shown.show_run(ended)
        shown.update()
        return shown.gallery(self.chosen.method, display, GALLERY - 2)

    def _show_gallery(self, plots: Sequence[FieldPlot]) -> None:
        for number, shown in enumerate(self.maps):
            shown.figure.visible = number < len(plots)
            if shown.figure.visible:
                accent = {"accent": colour(self.chosen.method)} if number else {}
                shown.show(f"gallery {number}", plots[number], **accent)


def _scales(name: str, values: np.ndarray, stroke: str, width: float = 2.0) -> Line:
    """Make the line of a spectrum, without the scales that the model's filter removes."""
    shown = np.where(values > 1e-5 * values.max(initial=0), values, np.nan)
    return Line(name, np.arange(1, len(values) + 1), shown, stroke, width)
