"""One map of the figure of the notebook widget, of which only the moving parts are drawn again."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes as MplAxes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize, to_rgba
from matplotlib.patches import Polygon

from ..pictures.axes import FLAT, Axes
from ..pictures.field_plot import FieldPlot
from ..pictures.style import TRUTH, UNOBSERVED, palette

GREY, INK, _BLANK = "#566070", "#1f2937", "#eef1f4"
DIMMED = 0.3
"""Opacity of what is not of the choices."""

COLOURS = {k: ListedColormap(palette(k)).with_extremes(bad=UNOBSERVED)
           for k in ("diverging", "sequential")}
"""Colour maps of the kinds of plots."""


class LiveMap:
    """One map with animated image, curves and note; the rest is static."""

    def __init__(self, axes: MplAxes) -> None:
        self.axes = axes
        self.image = axes.imshow(
            np.full((2, 2), np.nan), origin="lower", animated=True, aspect="auto",
            interpolation="nearest", norm=Normalize(-1, 1), cmap=COLOURS["diverging"],
        )
        self.area = Polygon(np.zeros((1, 2)), animated=True, color=TRUTH, alpha=0.35, linewidth=0)
        axes.add_patch(self.area)
        self.curves = LineCollection([], animated=True)
        axes.add_collection(self.curves)
        self.cloud = axes.plot([], [], "o", markersize=3.5, animated=True)[0]
        self.title = axes.text(0, 1.115, "", transform=axes.transAxes, fontsize=9, weight="bold")
        self.note = axes.text(0, 1.03, "", transform=axes.transAxes, fontsize=8, color=GREY,
                              animated=True)
        style_axes(axes)
        axes.set_facecolor(_BLANK)
        self._drawn_axes: Axes | None = None
        self._set_axes(FLAT)

    @property
    def moving(self) -> list[Artist]:
        return [self.image, self.area, self.curves, self.cloud, self.note]

    def show(self, plot: FieldPlot, accent: str) -> bool:
        """Update the map; return whether a static part changed."""
        redraw = self.title.get_text() != plot.title or plot.axes != self._drawn_axes
        self._set_axes(plot.axes)
        self.title.set_text(plot.title)
        self.title.set_color(accent)
        self.note.set_text(plot.note)
        flow = plot.axes.kind == "flow"
        self.image.set_visible(plot.values is not None and (flow or not plot.curves))
        self._set_curves(plot, accent)
        for artist in (self.image, self.curves, self.cloud):
            artist.set_alpha(DIMMED if plot.dimmed else None)
        self.area.set_alpha(0.35 * (DIMMED if plot.dimmed else 1.0))
        if plot.values is not None:
            low = 0.0 if plot.kind == "sequential" else -plot.limit
            self.image.set_data(np.ma.masked_invalid(plot.values))
            self.image.set_clim(low, plot.limit)
            self.image.set_cmap(COLOURS[plot.kind])
        return redraw

    def _set_axes(self, axes: Axes) -> None:
        """Draw new axes if they differ."""
        if axes == self._drawn_axes:
            return
        self._drawn_axes = axes
        self.image.set_extent((axes.x.start, axes.x.end, axes.y.start, axes.y.end))
        self.axes.set(xlim=(axes.x.start, axes.x.end), ylim=(axes.y.start, axes.y.end))
        for side, set_ticks in ((axes.x, self.axes.set_xticks), (axes.y, self.axes.set_yticks)):
            low, _, high = side.ticks
            texts = {low: f"{low:g}", high: f"{high:g}"} | side.labels
            set_ticks(side.ticks, [texts[tick] for tick in side.ticks])

    def _set_curves(self, plot: FieldPlot, accent: str) -> None:
        """Draw the curves of a single cell: members, truth and the main curve; and the cloud."""
        first, *members = plot.curves or (np.empty(0),)
        truth = [] if plot.truth is None else [plot.truth]
        dashed = [] if plot.dashed is None else [plot.dashed]
        drawn = (*members, *truth, first, *dashed, *plot.stages)
        self.curves.set_segments([_segment(curve, plot.axes) for curve in drawn])
        self.area.set_visible(plot.area is not None)
        if plot.area is not None:
            self.area.set_xy(_polygon(plot.area, plot.axes.y.start))
        faint = to_rgba(accent, min(0.6, 12 / max(len(members), 1)))  # keep the truth visible
        some, passed, flow = len(dashed), len(plot.stages), plot.axes.kind == "flow"
        self.curves.set_color(
            [faint] * len(members) + [TRUTH] * len(truth) + [accent] + [TRUTH] * some
            + [accent] * passed
        )
        self.curves.set_linewidth(
            [0.5] * len(members) + [3.0] * len(truth) + [0.9 if flow else 1.6] + [1.0] * some
            + [1.2] * passed
        )
        strokes: list[Any] = ["-"] * (len(members) + len(truth) + 1) + ["--"] * some
        strokes += ["-.", ":"][:passed]
        self.curves.set_linestyle(strokes)
        self.cloud.set_data(*(([], []) if plot.cloud is None else plot.cloud))
        self.cloud.set_color(accent)
        self.cloud.set_markeredgecolor("white" if plot.axes.kind == "flow" else accent)
        self.cloud.set_markeredgewidth(0.5)


def _polygon(curve: np.ndarray, floor: float) -> np.ndarray:
    """Return the corners of the area under a curve ``(2, n)``, ``(n + 2, 2)``."""
    x, y = curve
    across, up = np.concatenate([x[:1], x, x[-1:]]), np.concatenate([[floor], y, [floor]])
    return np.column_stack([across, up])


def _segment(curve: np.ndarray, axes: Axes) -> np.ndarray:
    """Return the points of a curve over time, or of a path on an attractor, ``(n, 2)``."""
    if curve.ndim == 2:
        return curve.T
    inset = (axes.x.end - axes.x.start) / max(len(curve), 1) / 2
    along = np.linspace(axes.x.start + inset, axes.x.end - inset, len(curve))
    return np.column_stack([along, curve])


def style_axes(axes: MplAxes) -> None:
    """Style axes with small grey labels and no frame."""
    axes.tick_params(labelsize=7, colors=GREY, length=3, width=0.7, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
