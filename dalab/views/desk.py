"""The main area of the Panel skin: status, what to look at, maps, curves and scores."""

from __future__ import annotations

from collections.abc import Iterable

import panel as pn

from .board import SIDE, WIDTH, Plan
from .model import CURVES, OBSERVATIONS, SCORES, TRUTH, LabModel
from .plots import Curves, Map, maps
from .scoretable import ScoreTable
from .strips import SCALES, STRIP, scales_html, strip_html
from .toolbar import toolbar


class Desk:
    """The main area, and how it follows the model.

    Args:
        model: whose pictures are shown.
    """

    def __init__(self, model: LabModel) -> None:
        self.model = model
        self.strip = pn.pane.HTML("", height=34, width=WIDTH, margin=(6, 10, 2, 10),
                                  stylesheets=[STRIP])
        self.scales = pn.pane.HTML("", height=20, width=WIDTH, margin=(2, 10, 2, 10),
                                   stylesheets=[SCALES])
        self.board = pn.Column(width=WIDTH, margin=(0, 10, 0, 10))
        self.layout = pn.Column(
            self.strip, toolbar(model), self.scales, self.board, width=WIDTH + 20, margin=0,
        )
        self._named: tuple[str, ...] = ()
        self.arrange()
        said = ["status", "error", "outdated", "fraction", "state"]
        model.param.watch(lambda *events: self.say(), said)
        self.say()

    # --- arrangement ----------------------------------------------------------------------------

    def arrange(self) -> None:
        """Lay out one map per method beside truth and observations; never while running."""
        self._named = names = self.model.labels
        plan = Plan(len(names) + 2)
        self.maps: dict[str, Map] = maps(
            [TRUTH, OBSERVATIONS, *names], plan.size, 1000.0, plan.columns
        )
        self.curves = Curves(*plan.curves, self.model.window, names)
        self.table = ScoreTable(names, plan.table)
        panes = [pn.pane.Bokeh(m.figure, margin=0) for m in self.maps.values()]
        rows = [panes[i : i + plan.columns] for i in range(0, len(panes), plan.columns)]
        curves = pn.pane.Bokeh(self.curves.figure, margin=0)
        if plan.beside:
            rows[-1].append(curves)
            rows.append([self.table.widget])
        else:
            rows.append([curves, pn.Spacer(width=SIDE), self.table.widget])
        self.board.objects = [pn.Row(*row, margin=0) for row in rows]
        self.show({TRUTH, OBSERVATIONS, *names, CURVES, SCORES})

    # --- what is new ----------------------------------------------------------------------------

    def tick(self) -> None:
        """Follow the model; called several times a second on the session's event loop."""
        fresh = self.model.poll()
        if not self.model.busy and self.model.labels != self._named:
            self.arrange()
        elif fresh:
            self.show(fresh)

    def show(self, names: Iterable[str]) -> None:
        """Draw the named parts again."""
        names = set(names)
        for name in names & self.maps.keys():
            self.maps[name].show(self.model.picture(name))
        if names & {TRUTH, OBSERVATIONS}:
            self.curves.day.location = self.model.look.time
            self._show_scales()
        if CURVES in names:
            self.curves.floor(self.model.noise_shown)
            self.curves.show(self.model.curves())
        if SCORES in names:
            self.table.show(self.model.scores())

    def say(self) -> None:
        """Write the status line: the error if there is one, else where the run stands."""
        text = strip_html(self.model)
        if text != self.strip.object:
            self.strip.object = text

    def _show_scales(self) -> None:
        text = scales_html(self.model)
        if text != self.scales.object:
            self.scales.object = text
