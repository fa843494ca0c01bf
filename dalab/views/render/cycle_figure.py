"""Figure of a cycled run in the notebook widget: maps, curves against cycles, rank histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from ..model.cycled_display import CycledDisplay
from ..pictures.cycle_curves import CycleCurves, RankHistogram, axis_limits, mean_length
from ..pictures.style import TRUTH, colour, plot_style
from .live_figure import MapFigure, dim_lines
from .live_map import DIMMED, GREY, INK, style_axes


class CycleFigure(MapFigure):
    """Maps of a cycled run, its curves, and the ranks of the truth in the place of a last map.

    Args:
        names: names of the maps; all but the first two are methods.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names, further=1)
        self._ranks = _Ranks(self.map_axes(len(self.names)), self.names[2:])
        self._curves = _CycleLines(self.curves_axes(), self.names[2:])

    @property
    def curve_artists(self) -> list[Artist]:
        return [*self._ranks.moving, *self._curves.moving]

    def show_cycles(self, display: CycledDisplay, caption: str = "") -> None:
        """Update curves, marker of the cycle shown, and ranks; dim them under a caption."""
        self._ranks.show(display.ranks())
        changed = self._curves.show(display.curves(), display.extent, display.shown)
        if self._curves.dim(caption) | changed:
            self.redraw()
        for line in self._ranks.lines.values():
            line.set_alpha(DIMMED if caption else 1.0)


class _CycleLines:
    """Error of every cycle, its moving mean and that of the spread; the burn-in is shaded."""

    def __init__(self, axes: Axes, names: Sequence[str]) -> None:
        self.axes, self._drawn, self._title = axes, (0, 0, 0.0, 0.0), ""
        axes.set_yscale("log")
        axes.grid(color="#e5e7eb", linewidth=0.8)
        axes.set_xlabel("cycle", fontsize=8, color=GREY, labelpad=1)
        axes.set_ylabel("RMSE / climatological std", fontsize=8, color=GREY, labelpad=1)
        style_axes(axes)
        self.burn_in = axes.axvspan(0, 0, color=TRUTH, alpha=0.16, linewidth=0)
        self.marker = axes.axvline(0, color="#9ca3af", linewidth=1.2, animated=True)
        self.means = {name: _mean_line(axes, name) for name in names}
        self.errors = {name: _thin(axes, name, 0.7, "-", 0.35) for name in names}
        self.spreads = {name: _thin(axes, name, 1.2, ":", 1.0) for name in names}
        if names:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05), fontsize=8, frameon=False,
                        handlelength=3.2)

    @property
    def moving(self) -> list[Artist]:
        lines = (*self.errors.values(), *self.spreads.values(), *self.means.values())
        return [self.marker, *lines]

    def show(
        self, curves: Mapping[str, CycleCurves], extent: tuple[int, int], shown: int
    ) -> bool:
        """Update the lines; return whether the axes have to be drawn again."""
        self.marker.set_xdata([shown, shown])
        self.marker.set_visible(shown > 0)
        none = np.empty(0)
        for name in self.means:
            found = curves.get(name) or CycleCurves(none, none, none, none, none)
            self.errors[name].set_data(found.cycles, found.error)
            self.means[name].set_data(found.mean_cycles, found.mean)
            self.spreads[name].set_data(found.mean_cycles, found.spread)
        wanted = (*extent, *axis_limits(curves[name] for name in self.means if name in curves))
        changed, self._drawn = wanted != self._drawn, wanted
        if changed:
            self._set_axes(*wanted)
        return changed

    def _set_axes(self, cycles: int, burn_in: int, low: float, high: float) -> None:
        self.axes.set(xlim=(0, max(cycles, 1)), ylim=(low, high))
        self.axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        self.axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        self.axes.yaxis.set_minor_locator(NullLocator())
        self.burn_in.set(x=0, width=burn_in)
        self._title = f"RMSE, mean of {mean_length(cycles)} cycles"

    def dim(self, caption: str) -> bool:
        """Dim the lines of an earlier run; return whether the axes have to be drawn again."""
        lines = (*self.means.values(), *self.spreads.values())
        return dim_lines(self.axes, lines, self._title, caption)


class _Ranks:
    """Rank histogram of every ensemble."""

    def __init__(self, axes: Axes, names: Sequence[str]) -> None:
        axes.yaxis.set_visible(True)
        axes.set_yticks([0, 1, 2, 3], ["0", "1", "2", "3"])
        axes.set(xlim=(0, 1), ylim=(0, 3))
        axes.axhline(1, color=GREY, linestyle=":", linewidth=1)
        axes.grid(color="#e5e7eb", linewidth=0.8)
        axes.set_title("Ranks of the truth", fontsize=9, weight="bold", loc="left", color=INK)
        style_axes(axes)
        self.lines = {name: _thin(axes, name, 1.6, plot_style(name)["linestyle"], 1.0)
                      for name in names}

    @property
    def moving(self) -> list[Artist]:
        return list(self.lines.values())

    def show(self, ranks: Mapping[str, RankHistogram]) -> None:
        """Update the histograms."""
        for name, line in self.lines.items():
            found = ranks.get(name) or RankHistogram(np.empty(0), np.empty(0))
            line.set_data(found.position, found.share)


def _mean_line(axes: Axes, name: str) -> Line2D:
    style = {**plot_style(name), "marker": ""}
    return axes.plot([], [], linewidth=2.2, label=name, animated=True, **style)[0]


def _thin(axes: Axes, name: str, width: float, stroke: str, alpha: float) -> Line2D:
    return axes.plot([], [], color=colour(name), linewidth=width, linestyle=stroke, alpha=alpha,
                     animated=True)[0]
