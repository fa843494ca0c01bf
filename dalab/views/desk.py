"""The main area of the Panel skin: status, what to look at, maps, curves and scores."""

from __future__ import annotations

from collections.abc import Iterable

import panel as pn

from .board import SIDE, WIDTH, Plan
from .colours import colour
from .display import Picture
from .model import CURVES, OBSERVATIONS, SCORES, TRUTH, LabModel
from .plots import Curves, Map, shared_ranges
from .scoretable import ScoreTable
from .strips import SCALES, STRIP, scales_html, strip_html
from .toolbar import toolbar

EXTENT = 1000.0
"""Side of the domain [km]."""


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
        methods = list(model.param.methods.objects)
        self.curves, self.table = Curves(model.window, methods), ScoreTable(methods)
        self._curves = pn.pane.Bokeh(self.curves.figure, margin=0)
        self._slots: list[tuple[Map, pn.pane.Bokeh]] = []
        self._ranges, self._plan = shared_ranges(EXTENT), None
        self.maps: dict[str, Map] = {}
        self._named: tuple[str, ...] = ()
        self.arrange()
        said = ["status", "error", "outdated", "fraction", "state"]
        model.param.watch(lambda *events: self.say(), said)
        self.say()

    # --- arrangement ----------------------------------------------------------------------------

    def arrange(self) -> None:
        """Give every method a map beside truth and observations.

        Figures are made when they are first needed and then kept: browsers hold on to models that
        a page no longer shows, and a change to a model must not overtake the model itself.
        """
        self._named = names = self.model.labels
        plan = Plan(len(names) + 2)
        while len(self._slots) < plan.maps:
            slot = Map(EXTENT, self._ranges)
            self._slots.append((slot, pn.pane.Bokeh(slot.figure, margin=0)))
        slots, spare = self._slots[: plan.maps], self._slots[plan.maps :]
        for slot, _ in spare:
            slot.show("", Picture(""))
        for i, (slot, _) in enumerate(slots):
            slot.place(plan.size, left=i % plan.columns == 0)
        self.maps = {n: s for n, (s, _) in zip((TRUTH, OBSERVATIONS, *names), slots, strict=True)}
        self.curves.place(plan.curves, names)
        self.table.place(plan.table, names)
        self.show({*self.maps, CURVES, SCORES})
        if plan != self._plan:
            self._plan = plan
            self.board.objects = self._rows(plan, [pane for _, pane in slots])

    def _rows(self, plan: Plan, panes: list[pn.viewable.Viewable]) -> list[pn.Row]:
        rows = [panes[i : i + plan.columns] for i in range(0, len(panes), plan.columns)]
        if plan.beside:
            rows[-1].append(self._curves)
            rows.append([self.table.widget])
        else:
            rows.append([self._curves, pn.Spacer(width=SIDE), self.table.widget])
        return [pn.Row(*row, margin=0) for row in rows]

    # --- what is new ----------------------------------------------------------------------------

    def tick(self) -> None:
        """Follow the model; called several times a second on the session's event loop."""
        fresh = self.model.poll()
        if self.model.labels != self._named:
            self.arrange()
        elif fresh:
            self.show(fresh)

    def show(self, names: Iterable[str]) -> None:
        """Draw the named parts again."""
        names = set(names)
        for name in names & self.maps.keys():
            accent = {} if name in (TRUTH, OBSERVATIONS) else {"accent": colour(name)}
            self.maps[name].show(name, self.model.picture(name), **accent)
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
