"""The pages of the lab: one is in front, the others are made when they are first opened.

A page is made from the model once and then kept, shown or hidden. It has a ``layout``, is told by
``front`` whether it is the one in front, and is called by ``tick`` several times a second while it
is. A page that follows the model by itself needs only a function and is made by :class:`Plain`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import panel as pn

from ...model.lab import LabModel
from ...render.html import STRIP, strip_html
from ..components.header import Header
from ..components.run_list import runs_page
from .assimilate import Desk
from .physics import PhysicsPage
from .posterior import PosteriorPage
from .sensors import sensors_page


class Page(Protocol):
    """What stands under a tab."""

    layout: pn.viewable.Viewable

    def fit(self, width: int, height: int) -> None:
        """Use the room that the window leaves [pixels]."""

    def front(self, shown: bool) -> None:
        """Begin or cease to be the page in front."""

    def tick(self) -> None:
        """Follow the model while in front."""


class Plain:
    """A page that follows the model by itself.

    Args:
        layout: what it shows.
    """

    def __init__(self, layout: pn.viewable.Viewable) -> None:
        self.layout = layout

    def fit(self, width: int, height: int) -> None:
        """Nothing to do."""

    def front(self, shown: bool) -> None:
        """Nothing to do."""

    def tick(self) -> None:
        """Nothing to do."""


PAGES: dict[str, Callable[[LabModel], Page]] = {
    "Posterior": PosteriorPage,
    "Physics": PhysicsPage,
    "Sensors": sensors_page,
    "Runs": lambda model: Plain(runs_page(model)),
}
"""Makers of the pages beside the first, by the name of their tab."""


class Pages:
    """All pages under one status line, the first one made at once.

    Args:
        model: whose runs they show.
    """

    def __init__(self, model: LabModel) -> None:
        self.model, self.desk, self.status = model, Desk(model), Status(model)
        self.header = Header(model.param.page.objects, page=model.page)
        self.header.link(model, bidirectional=True, page="page")
        self.made: dict[str, Page] = {"Assimilate": self.desk}
        self.holders = {name: _holder() for name in model.param.page.objects}
        self.holders["Assimilate"].append(self.desk.layout)
        self.layout = pn.Column(self.status.layout, *self.holders.values(), margin=0,
                                sizing_mode="stretch_width")
        self.header.param.watch(lambda event: self.fit(), "room")
        model.param.watch(lambda event: self.turn(), "page")
        self.turn()

    @property
    def shown(self) -> Page:
        """The page in front."""
        return self.made[self.model.page]

    def turn(self) -> None:
        """Bring the chosen page to the front; make it if this is the first time."""
        name = self.model.page
        if name not in self.made:
            self.made[name] = PAGES[name](self.model)
            self.fit(name)
            self.holders[name].append(self.made[name].layout)
        for other, page in self.made.items():
            self.holders[other].visible = other == name
            page.front(other == name)

    def fit(self, *names: str) -> None:
        """Tell the named pages, by default all, how much room the window leaves."""
        for name in names or self.made:
            if self.header.room:
                self.made[name].fit(*self.header.room)

    def tick(self) -> None:
        """Follow the model; called several times a second on the session's event loop."""
        self.desk.tick()
        if self.shown is not self.desk:
            self.shown.tick()


def _holder() -> pn.Column:
    return pn.Column(margin=0, sizing_mode="stretch_width", visible=False)


class Status:
    """The line, and how it follows the model.

    Args:
        model: whose state it says.
    """

    def __init__(self, model: LabModel) -> None:
        self.model = model
        self.strip = pn.pane.HTML("", height=34, sizing_mode="stretch_width",
                                  margin=(6, 10, 2, 10), stylesheets=[STRIP])
        self.layout = pn.Row(self.strip, sizing_mode="stretch_width", margin=0)
        said = ["status", "error", "outdated", "fraction", "state"]
        model.param.watch(lambda *events: self.say(), said)
        self.say()

    def say(self) -> None:
        """Write the line: the error if there is one, else where the run stands."""
        text = strip_html(self.model)
        if text != self.strip.object:
            self.strip.object = text
