"""Charts of a cycled run in the Panel app: curves against cycles, and the rank histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import panel as pn
from bokeh.models import (
    BoxAnnotation,
    ColumnDataSource,
    GlyphRenderer,
    HoverTool,
    Label,
    Range1d,
    Span,
)

from ...model.cycled_display import CycledDisplay
from ...pictures.cycle_curves import CycleCurves, RankHistogram, axis_limits, mean_length
from ...pictures.grid_layout import LEFT, SIDE, GridLayout
from ...pictures.style import TRUTH, colour, dash
from .field_map import EDGE, QUIET, assign, make_veil, set_visible
from .line_chart import Chart, Line
from .score_figure import NO_CURVE, ScoreFigure


class CycleChart(ScoreFigure):
    """RMSE of every cycle and its moving mean, and that of the spread, on a logarithmic scale.

    The burn-in is shaded, and a line marks the cycle shown.
    """

    def __init__(self) -> None:
        super().__init__(
            "RMSE and spread of every method against cycles", "RMSE of the analysis",
            Range1d(0, 1), "cycle",
            HoverTool(renderers=[], mode="vline",
                      tooltips=[("cycle", "@x"), ("RMSE, moving mean", "@y{0.000}")]),
        )
        self.burn_in = BoxAnnotation(left=0, right=0, fill_color=TRUTH, fill_alpha=0.16,
                                     line_color=None)
        self.name = Label(x=0, y=0, x_units="data", y_units="screen", x_offset=3, y_offset=2,
                          text="burn-in", text_font_size="10px", css_variables=QUIET)
        self.marker = Span(location=0, dimension="height", line_width=2, css_variables=EDGE)
        for item in (self.burn_in, self.name, self.marker):
            self.figure.add_layout(item)
        self.sources: dict[str, dict[str, ColumnDataSource]] = {}

    def _lines(self, name: str) -> list[GlyphRenderer]:
        """Draw every cycle faintly, the moving mean on top, and the spread dotted."""
        sources = self.sources[name] = {
            part: ColumnDataSource(NO_CURVE, name=f"cycles {part} {name}")
            for part in ("error", "mean", "spread")
        }
        hue = colour(name)
        each = self.figure.line("x", "y", source=sources["error"], line_color=hue, line_width=1,
                                line_alpha=0.22)
        spread = self.figure.line("x", "y", source=sources["spread"], line_color=hue,
                                  line_width=1.5, line_dash=[1, 4], line_cap="round")
        mean = self.figure.line("x", "y", source=sources["mean"], line_color=hue, line_width=2.5,
                                line_dash=dash(name))
        self.hover.renderers = [*self.hover.renderers, mean]
        return [mean, each, spread]

    def show(
        self, curves: Mapping[str, CycleCurves], extent: tuple[int, int], shown: int
    ) -> None:
        """Draw the curves of all methods; those without values are empty.

        Args:
            curves: curves of the methods that have begun, by label.
            extent: cycles of the run, and of its burn-in.
            shown: cycle of the states on the page; 0 for none.
        """
        cycles, burn_in = extent
        assign(self.figure.x_range, start=0, end=max(cycles, 1))
        assign(self.burn_in, right=burn_in)
        assign(self.name, visible=burn_in > 0)
        assign(self.marker, location=shown, visible=shown > 0)
        low, high = axis_limits(curves.values())
        assign(self.figure.y_range, start=low, end=high)
        self._title = f"RMSE, mean of {mean_length(cycles)} cycles (spread dotted)"
        for name, sources in self.sources.items():
            self._fill(sources, curves.get(name))

    def _fill(self, sources: Mapping[str, ColumnDataSource], found: CycleCurves | None) -> None:
        data = dict.fromkeys(sources, NO_CURVE) if found is None else {
            "error": {"x": found.cycles, "y": found.error},
            "mean": {"x": found.mean_cycles, "y": found.mean},
            "spread": {"x": found.mean_cycles, "y": found.spread},
        }
        for part, source in sources.items():
            if len(source.data["x"]) != len(data[part]["x"]) or not np.array_equal(
                source.data["y"], data[part]["y"], equal_nan=True
            ):
                source.data = data[part]


class RankChart(Chart):
    """Rank histogram of every ensemble, which grows after the burn-in."""

    def __init__(self) -> None:
        super().__init__("Ranks of the truth", "rank / (members + 1)",
                         "share / expected share", ideal=1.0, top=2.0)
        self._shown: dict[str, RankHistogram] = {}
        self.veil = make_veil()
        self.figure.add_layout(self.veil)

    def show_ranks(self, ranks: Mapping[str, RankHistogram]) -> None:
        """Draw the histograms, if any has changed."""
        known = {name: found for name, found in ranks.items() if len(found.share)}
        same = known.keys() == self._shown.keys() and all(
            np.array_equal(found.share, self._shown[name].share) for name, found in known.items()
        )
        if not same:
            self._shown = known
            self.show([Line(name, found.position, found.share) for name, found in known.items()])


class CycleCharts:
    """Both charts of a cycled run, shown or hidden together."""

    def __init__(self) -> None:
        self.curves, self.ranks = CycleChart(), RankChart()
        self.pane = pn.pane.Bokeh(self.curves.figure, margin=0)

    def set_visible(self, on: bool) -> None:
        """Show or hide both."""
        for pane in (self.pane, self.ranks.pane):
            set_visible(pane, on)

    def set_size(self, grid: GridLayout, names: Sequence[str]) -> None:
        """Fit the curves and the histogram, which takes the place of the last map."""
        self.curves.set_size(grid.curves, names)
        first = (grid.maps - 1) % grid.columns == 0
        self.ranks.set_size(grid.size + SIDE + (LEFT if first else SIDE), grid.height)

    def show(self, display: CycledDisplay, names: Sequence[str], caption: str = "") -> None:
        """Draw the curves and the ranks of the named methods, dimmed under a caption."""
        curves, ranks = display.curves(), display.ranks()
        chosen = {name: curves[name] for name in names if name in curves}
        self.curves.show(chosen, display.extent, display.shown)
        self.ranks.show_ranks({name: ranks[name] for name in names if name in ranks})
        self.curves.dim(caption)
        assign(self.ranks.veil, visible=bool(caption))
