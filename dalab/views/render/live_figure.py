"""Figure of the notebook widget: maps and curves as one PNG that is quick to redraw.

Matplotlib draws the static parts (axes, titles, colour bars) once and keeps them as pixels; a new
frame restores these and draws images, notes and curves on top (blitting), in about a fifth of the
time of a full draw.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes as MplAxes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from ..pictures.axes import FLAT, Axes
from ..pictures.field_plot import FieldPlot
from ..pictures.grid_layout import BOTTOM, LEFT, SIDE, TITLE, WIDTH, GridLayout
from ..pictures.style import TRUTH, UNOBSERVED, colour, palette, plot_style

DPI = 100
COLORBAR_HEIGHT = 30
"""Height at the top for the colour bars [pixels]."""

GREY, INK, _BLANK = "#566070", "#1f2937", "#eef1f4"
DIMMED = 0.3
"""Opacity of what is not of the choices."""
_MAPS = {k: ListedColormap(palette(k)).with_extremes(bad=UNOBSERVED)
         for k in ("diverging", "sequential")}
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)


class MapFigure:
    """Maps in reading order, followed by curves.

    Args:
        names: names of the maps; all but the first two are methods.
        further: further pictures of the size of a map, after the maps.
    """

    def __init__(self, names: Sequence[str], further: int = 0) -> None:
        self.names = list(names)
        self.grid = GridLayout(len(self.names) + further)
        self._maps_height = self.grid.rows * self.grid.height
        self._below = 0 if self.grid.beside else 210
        self.width, self.height = WIDTH, COLORBAR_HEIGHT + self._maps_height + self._below
        self.figure = Figure(figsize=(self.width / DPI, self.height / DPI), dpi=DPI)
        self.canvas = FigureCanvasAgg(self.figure)
        self._maps = {name: _Map(self.map_axes(i)) for i, name in enumerate(self.names)}
        self._colorbars: tuple[tuple[str, str, float, str], ...] = ()
        self._backdrop: object = None

    @property
    def curve_artists(self) -> list[Artist]:
        """Animated artists of the curves."""
        return []

    def redraw(self) -> None:
        """Draw the static parts again with the next image."""
        self._backdrop = None

    def show(self, plots: Mapping[str, FieldPlot]) -> None:
        """Update maps, by name."""
        for name, plot in plots.items():
            drawn = self._maps[name]
            accent = INK if self.names.index(name) < 2 else colour(name)
            if drawn.show(plot, accent):
                self._backdrop = None

    def show_colorbars(self, colorbars: Iterable[tuple[str, FieldPlot]]) -> None:
        """Draw a colour bar for each name, with the limits and units of its plot."""
        wanted = tuple((n, p.kind, p.limit, p.units) for n, p in colorbars)
        if wanted != self._colorbars:
            self._colorbars, self._backdrop = wanted, None
            self._draw_colorbars()

    def png(self) -> bytes:
        """Render the figure in its present state."""
        maps = [artist for part in self._maps.values() for artist in part.moving]
        moving = [*maps, *self.curve_artists]
        if self._backdrop is None:
            self.canvas.draw()  # without the animated artists
            self._backdrop = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self._backdrop)
        for artist in moving:
            cast(MplAxes, artist.axes).draw_artist(artist)
        pixels = np.asarray(self.canvas.buffer_rgba())[..., :3]
        out = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG", compress_level=1)
        return out.getvalue()

    def _axes(self, x: float, y: float, width: float, height: float) -> MplAxes:
        """Add axes at pixels counted from the upper left corner."""
        box = (x / self.width, 1 - (y + height) / self.height, width / self.width,
               height / self.height)
        return self.figure.add_axes(box)

    def map_axes(self, i: int) -> MplAxes:
        """Make the axes of a map, counted from 0."""
        row, column = divmod(i, self.grid.columns)
        size = self.grid.size
        axes = self._axes(
            LEFT + column * (size + 2 * SIDE),
            COLORBAR_HEIGHT + row * self.grid.height + TITLE, size, size,
        )
        axes.yaxis.set_visible(column == 0)
        return axes

    def curves_axes(self) -> MplAxes:
        """Make the axes of the curves, below the maps or beside the last ones."""
        legend = 112
        if not self.grid.beside:
            top = COLORBAR_HEIGHT + self._maps_height + 24
            return self._axes(LEFT + 8, top, WIDTH - LEFT - legend, self._below - 66)
        width, height = self.grid.curves
        top = COLORBAR_HEIGHT + self._maps_height - height + TITLE
        return self._axes(
            WIDTH - width + LEFT + 8, top, width - LEFT - legend, self.grid.size - BOTTOM
        )

    def _draw_colorbars(self) -> None:
        for axes in [a for a in self.figure.axes if a.get_label() == "colorbar"]:
            axes.remove()
        at = LEFT
        for name, kind, limit, units in self._colorbars:
            label = self._axes(at, 6, 1, 12)
            label.set_label("colorbar")
            label.axis("off")
            low = "0" if kind == "sequential" else f"−{limit:g}"
            lead = f"{name}  {low} "
            label.text(0, 0.5, lead, va="center", fontsize=8, color=GREY)
            at += 6.6 * len(lead)
            bar = self._axes(at, 8, 80, 8)
            bar.set_label("colorbar")
            bar.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=_MAPS[kind])
            bar.axis("off")
            bar.text(1.05, 0.5, f"{limit:g} {units}", transform=bar.transAxes, va="center",
                     fontsize=8, color=GREY)
            at += 80 + 6.6 * len(f"{limit:g} {units}") + 24


class LiveFigure(MapFigure):
    """Maps of a window, and the curves of all methods over time.

    Args:
        names: names of the maps; all but the first two are methods.
        days: number of steps of the window.
    """

    def __init__(self, names: Sequence[str], days: int) -> None:
        super().__init__(names)
        self._curves = _Curves(self.curves_axes(), np.arange(days), self.names[2:])

    @property
    def curve_artists(self) -> list[Artist]:
        return self._curves.moving

    def show_curves(
        self, curves: Mapping[str, np.ndarray], day: int, floor: float,
        time: str = "time (days)", caption: str = "",
    ) -> None:
        """Update RMSE curves, time marker, lower limit of the y axis and label of the x axis.

        Args:
            curves: RMSE of every method, by label.
            day: step that the maps show.
            floor: lower limit of the y axis.
            time: label of the x axis.
            caption: name of the earlier run that dimmed curves are of.
        """
        if self._curves.show(curves, day, floor, time) | self._curves.dim(caption):
            self.redraw()


class _Map:
    """One map with animated image, curves and note; the rest is static."""

    def __init__(self, axes: MplAxes) -> None:
        self.axes = axes
        self.image = axes.imshow(
            np.full((2, 2), np.nan), origin="lower", animated=True, aspect="auto",
            interpolation="nearest", norm=Normalize(-1, 1), cmap=_MAPS["diverging"],
        )
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
        return [self.image, self.curves, self.cloud, self.note]

    def show(self, plot: FieldPlot, accent: str) -> bool:
        """Update the map; return whether a static part changed."""
        redraw = self.title.get_text() != plot.title or plot.axes != self._drawn_axes
        self._set_axes(plot.axes)
        self.title.set_text(plot.title)
        self.title.set_color(accent)
        self.note.set_text(plot.note)
        self.image.set_visible(plot.values is not None and not plot.curves)
        self._set_curves(plot, accent)
        for artist in (self.image, self.curves, self.cloud):
            artist.set_alpha(DIMMED if plot.dimmed else None)
        if plot.values is not None:
            low = 0.0 if plot.kind == "sequential" else -plot.limit
            self.image.set_data(np.ma.masked_invalid(plot.values))
            self.image.set_clim(low, plot.limit)
            self.image.set_cmap(_MAPS[plot.kind])
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
            set_ticks(side.ticks, [f"{low:g}", side.middle, f"{high:g}"])

    def _set_curves(self, plot: FieldPlot, accent: str) -> None:
        """Draw the curves of a single cell: members, truth and the main curve; and the cloud."""
        first, *members = plot.curves or (np.empty(0),)
        truth = [] if plot.truth is None else [plot.truth]
        self.curves.set_segments(
            [_segment(curve, plot.axes) for curve in (*members, *truth, first)]
        )
        faint = to_rgba(accent, min(0.6, 12 / max(len(members), 1)))  # keep the truth visible
        self.curves.set_color([faint] * len(members) + [TRUTH] * len(truth) + [accent])
        self.curves.set_linewidth([0.5] * len(members) + [3.0] * len(truth) + [1.6])
        self.cloud.set_data(*(([], []) if plot.cloud is None else plot.cloud))
        self.cloud.set_color(accent)


def _segment(curve: np.ndarray, axes: Axes) -> np.ndarray:
    """Return the points of a curve over time, or of a path on an attractor, ``(n, 2)``."""
    if curve.ndim == 2:
        return curve.T
    inset = (axes.x.end - axes.x.start) / max(len(curve), 1) / 2
    along = np.linspace(axes.x.start + inset, axes.x.end - inset, len(curve))
    return np.column_stack([along, curve])


TITLE_TEXT = "RMSE of the ensemble mean"


def dim_lines(axes: MplAxes, lines: Iterable[Line2D], title: str, caption: str) -> bool:
    """Dim the lines of an earlier run, which a caption names; return whether the title changed."""
    for line in lines:
        line.set_alpha(DIMMED if caption else None)
    text = f"RMSE of {caption}" if caption else title
    changed = axes.get_title(loc="left") != text
    if changed:
        axes.set_title(text, fontsize=9, weight="bold", loc="left", color=INK)
    return changed


class _Curves:
    """RMSE over time, with animated curves and time marker."""

    def __init__(self, axes: MplAxes, days: np.ndarray, names: Sequence[str]) -> None:
        self.axes, self.days = axes, days
        axes.set_yscale("log")
        axes.set_xlim(-0.2, days[-1] + 0.2)
        axes.set_ylim(0.04, 2)
        axes.set_yticks(_TICKS, [f"{t:g}" for t in _TICKS])
        axes.set_yticks([], minor=True)
        axes.set_ylim(0.04, 2)
        axes.set_xticks(days)
        axes.grid(color="#e5e7eb", linewidth=0.8)
        axes.axhline(1, color=GREY, linestyle=":", linewidth=1)
        axes.text(0, 1.04, "climatology", fontsize=7.5, color=GREY)
        axes.set_title(TITLE_TEXT, fontsize=9, weight="bold", loc="left", color=INK)
        axes.set_xlabel("time (days)", fontsize=8, color=GREY, labelpad=1)
        axes.set_ylabel("RMSE / climatological std", fontsize=8, color=GREY, labelpad=1)
        style_axes(axes)
        self.day = axes.axvline(0, color="#9ca3af", alpha=0.3, linewidth=6, animated=True)
        self.lines = {name: method_line(axes, name) for name in names}
        if names:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05), fontsize=8, frameon=False,
                        handlelength=3.2)
        for line in self.lines.values():
            line.set_animated(True)

    @property
    def moving(self) -> list[Artist]:
        return [self.day, *self.lines.values()]

    def show(
        self, curves: Mapping[str, np.ndarray], day: int, floor: float, time: str
    ) -> bool:
        """Update curves and time marker; return whether the axes have to be redrawn."""
        self.day.set_xdata([day, day])
        for name, line in self.lines.items():
            values = curves.get(name, np.empty(0))
            line.set_data(self.days[: len(values)], values)
        least = min((float(curve.min()) for curve in curves.values() if len(curve)), default=1.0)
        floor = min(floor, max((t for t in _TICKS if t < least), default=_TICKS[0]))
        changed = self.axes.get_ylim()[0] != floor or self.axes.get_xlabel() != time
        self.axes.set_xlabel(time)
        self.axes.set_ylim(floor, 2)
        return changed

    def dim(self, caption: str) -> bool:
        """Dim the curves of an earlier run; return whether the axes have to be redrawn."""
        return dim_lines(self.axes, self.lines.values(), TITLE_TEXT, caption)


def method_line(axes: MplAxes, name: str) -> Line2D:
    return axes.plot([], [], linewidth=1.6, markersize=4.5, label=name, **plot_style(name))[0]


def style_axes(axes: MplAxes) -> None:
    """Style axes with small grey labels and no frame."""
    axes.tick_params(labelsize=7, colors=GREY, length=3, width=0.7, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
