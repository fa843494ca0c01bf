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
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from ..pictures.field_plot import FieldPlot
from ..pictures.grid_layout import BOTTOM, LEFT, SIDE, TITLE, WIDTH, GridLayout
from ..pictures.style import colour, plot_style
from .live_map import COLOURS, DIMMED, GREY, INK, LiveMap, style_axes

DPI = 100
COLORBAR_HEIGHT = 30
"""Height at the top for the colour bars [pixels]."""

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
        size = self.width / DPI, self.height / DPI
        self.figure = Figure(figsize=size, dpi=DPI)
        self.figure.set_layout_engine("none")  # whatever Matplotlib's settings say
        self.canvas = FigureCanvasAgg(self.figure)
        self._maps = {name: LiveMap(self.map_axes(i)) for i, name in enumerate(self.names)}
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
            bar.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=COLOURS[kind])
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
