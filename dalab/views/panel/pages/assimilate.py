"""First page of the Panel app: toolbar, maps, curves and scores."""

from __future__ import annotations

from collections.abc import Iterable

import panel as pn
from panel.io import unlocked

from ....systems import SYSTEMS
from ...model.display import CURVES, DISPLAY_PARAMETERS, OBSERVATIONS, SCORES, TRUTH
from ...model.lab import LabModel
from ...pictures.field_plot import FieldPlot
from ...pictures.grid_layout import ABOVE, HEIGHT, MARGIN, WIDTH, GridLayout
from ...pictures.style import colour
from ...render.html import COLORBAR_CSS, colorbars_html
from ..components.score_table import ScoreTable
from ..plots.cycle_charts import CycleCharts
from ..plots.field_map import Map, assign, set_visible, shared_ranges
from ..plots.skill_curves import Curves
from ..toolbar import toolbar


class AssimilatePage:
    """Maps, curves and scores of the run shown, updated from the model.

    Args:
        model: view-model of the page.
    """

    def __init__(self, model: LabModel) -> None:
        self.model, self.display = model, model.display
        self.available_size, self._shown = (WIDTH, HEIGHT), True
        self.colorbars = pn.pane.HTML("", height=20, sizing_mode="stretch_width",
                                   margin=(2, 10, 2, 10), stylesheets=[COLORBAR_CSS])
        self.curves, self.table = Curves(self.display.window), ScoreTable(margin=(4, 0, 0, 0))
        self.curves_pane = pn.pane.Bokeh(self.curves.figure, margin=0)
        self.box = pn.FlexBox(
            self.curves_pane,
            self.table,
            min_width=WIDTH, max_width=WIDTH, margin=(0, 10), align_content="flex-start",
        )
        self.layout = pn.Column(toolbar(self.display), self.colorbars, self.box, margin=0,
                                sizing_mode="stretch_width")
        self._slots: list[tuple[Map, pn.pane.Bokeh]] = []
        self._ranges = shared_ranges()
        self.maps: dict[str, Map] = {}
        self.cycle_charts: CycleCharts | None = None
        self._labels: tuple[str, ...] = ()
        self._cycled, self._stale = False, set[str]()
        self.arrange()
        for part, names in ((self.display, list(DISPLAY_PARAMETERS)),
                            (self.display.cycles, ["position"])):
            part.param.watch(lambda *events: self.poll(), names)  # at once

    # --- arrangement ----------------------------------------------------------------------------

    def arrange(self) -> None:
        """Lay out a map for every method, beside truth and observations.

        Figures and table are made once and then kept, shown or hidden: browsers keep models that
        are removed from a page, and drawing a table while it is being removed is an error. The
        sizes make the flex box wrap its lines as in :class:`GridLayout`.
        """
        self._labels, self._cycled = self.model.labels, self.display.shows_cycles
        names, maps = self._labels, len(self._labels) + 2
        grid = GridLayout(maps + self._cycled, *self.available_size, self._cycled)
        self.box.param.update(min_width=grid.width, max_width=grid.width)
        for _ in range(maps - len(self._slots)):
            slot = Map(self._ranges)
            pane = pn.pane.Bokeh(slot.figure, margin=0)
            self._slots.append((slot, pane))
            self.box.insert(len(self._slots) - 1, pane)
        for i, (slot, pane) in enumerate(self._slots):
            pane.visible = slot.figure.visible = i < maps
            slot.set_size(grid.size, left=i % grid.columns == 0)
        slots, spare = self._slots[:maps], self._slots[maps:]
        for slot, _ in spare:
            slot.show("", FieldPlot(""))
        self.maps = {n: s for n, (s, _) in zip((TRUTH, OBSERVATIONS, *names), slots, strict=True)}
        self._arrange_curves(grid)
        self.table.set_size(grid.table, names, self._cycled)
        self.show({*self.maps, CURVES, SCORES})

    def _arrange_curves(self, grid: GridLayout) -> None:
        """Place the curves of a window, or the charts of a cycled run, made when first needed."""
        if self._cycled and self.cycle_charts is None:
            self.cycle_charts = CycleCharts()
            self.box.insert(len(self._slots), self.cycle_charts.ranks.pane)
            self.box.insert(len(self._slots) + 1, self.cycle_charts.pane)
        set_visible(self.curves_pane, not self._cycled)
        self.curves.set_size(grid.curves, self._labels)
        if self.cycle_charts is not None:
            self.cycle_charts.set_visible(self._cycled)
            self.cycle_charts.set_size(grid, self._labels)

    def resize(self, width: int, height: int) -> None:
        """Fit the page into the available space [pixels]."""
        available_size = max(width - MARGIN, WIDTH), max(height - ABOVE, HEIGHT)
        if available_size != self.available_size:
            self.available_size = available_size
            self.arrange()

    def set_active(self, shown: bool) -> None:
        """Activate or deactivate the page; only an active page is drawn."""
        self._shown = shown
        if shown:
            self.poll()

    # --- what is new ----------------------------------------------------------------------------

    def poll(self) -> None:
        """Update from the model; called several times a second on the session's event loop."""
        self._stale |= self.model.poll()
        if not self._shown:
            return
        fresh, self._stale = self._stale, set()
        wanted = self.model.labels, self.display.shows_cycles
        others = wanted != (self._labels, self._cycled)
        if others or fresh:
            with unlocked():  # keeps the messages of Bokeh and Panel in order
                if others:
                    self.arrange()
                else:
                    self.show(fresh)

    def show(self, names: Iterable[str]) -> None:
        """Redraw the named parts."""
        names = set(names)
        for name in names & self.maps.keys():
            accent = {} if name in (TRUTH, OBSERVATIONS) else {"accent": colour(name)}
            self.maps[name].show(name, self.display.field_plot(name), **accent)
        if names & {TRUTH, OBSERVATIONS}:
            assign(self.curves.day, location=self.display.state.time)
            self._show_colorbars()
        if CURVES in names:
            self._show_curves()
        if SCORES in names:
            self.table.show(self.display.scores(), dimmed=bool(self.display.caption))

    def _show_curves(self) -> None:
        if self._cycled and self.cycle_charts is not None:
            self.cycle_charts.show(self.display.cycles, self._labels, self.display.caption)
            return
        self.curves.floor(self.display.noise_shown)
        errors, spreads = (
            {name: known[name] for name in self._labels if name in known}
            for known in (self.display.curves(), self.display.spreads())
        )
        self.curves.show(errors, spreads, SYSTEMS.make(self.display.system).time_label)
        self.curves.dim(self.display.caption)

    def _show_colorbars(self) -> None:
        text = colorbars_html(self.model)
        if text != self.colorbars.object:
            self.colorbars.object = text
