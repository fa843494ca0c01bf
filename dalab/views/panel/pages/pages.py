"""Pages of the lab: one is active, the others are made when they are first opened.

A page is made from the model once and then kept, shown or hidden. It has a ``layout``, learns by
``set_active`` whether it is the active one, and is polled several times a second while it is. A
page that follows the model by itself is a :class:`StaticPage`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import panel as pn

from ...model.lab import LabModel
from ...render.html import LAB_STATUS, RUN_STATUS, STATUS_CSS, status_html
from ..components.header import Header
from ..components.run_list import runs_page
from .assimilate import AssimilatePage
from .physics import PhysicsPage
from .posterior import PosteriorPage
from .sensors import sensors_page


class Page(Protocol):
    """Content of a tab."""

    layout: pn.viewable.Viewable

    def resize(self, width: int, height: int) -> None:
        """Fit the page into the available space [pixels]."""

    def set_active(self, shown: bool) -> None:
        """Activate or deactivate the page."""

    def poll(self) -> None:
        """Update from the model while active."""


class StaticPage:
    """A page that follows the model by itself.

    Args:
        layout: content of the page.
    """

    def __init__(self, layout: pn.viewable.Viewable) -> None:
        self.layout = layout

    def resize(self, width: int, height: int) -> None:
        """Do nothing."""

    def set_active(self, shown: bool) -> None:
        """Do nothing."""

    def poll(self) -> None:
        """Do nothing."""


PAGES: dict[str, Callable[[LabModel], Page]] = {
    "Posterior": PosteriorPage,
    "Physics": PhysicsPage,
    "Sensors": sensors_page,
    "Runs": lambda model: StaticPage(runs_page(model)),
}
"""Factories of all pages but the first, by the name of their tab."""


class Pages:
    """All pages below one status line; only the first is made at once.

    Args:
        model: view-model of the pages.
    """

    def __init__(self, model: LabModel) -> None:
        self.model, self.assimilate, self.status = model, AssimilatePage(model), Status(model)
        self.header = Header(model.param.page.objects, page=model.page)
        self.header.link(model, bidirectional=True, page="page")
        self.made: dict[str, Page] = {"Assimilate": self.assimilate}
        self.holders = {name: _holder() for name in model.param.page.objects}
        self.holders["Assimilate"].append(self.assimilate.layout)
        self.layout = pn.Column(self.status.layout, *self.holders.values(), margin=0,
                                sizing_mode="stretch_width")
        self.header.param.watch(lambda event: self.resize(), "available_size")
        model.param.watch(lambda event: self.activate(), "page")
        self.activate()

    @property
    def active(self) -> Page:
        """Active page."""
        return self.made[self.model.page]

    def activate(self) -> None:
        """Activate the selected page; make it if this is the first time."""
        name = self.model.page
        if name not in self.made:
            self.made[name] = PAGES[name](self.model)
            self.resize(name)
            self.holders[name].append(self.made[name].layout)
        for other, page in self.made.items():
            self.holders[other].visible = other == name
            page.set_active(other == name)

    def resize(self, *names: str) -> None:
        """Fit the named pages, by default all, into the available space."""
        for name in names or self.made:
            if self.header.available_size:
                self.made[name].resize(*self.header.available_size)

    def poll(self) -> None:
        """Update from the model; called several times a second on the session's event loop."""
        self.assimilate.poll()
        if self.active is not self.assimilate:
            self.active.poll()


def _holder() -> pn.Column:
    return pn.Column(margin=0, sizing_mode="stretch_width", visible=False)


class Status:
    """Status line, updated from the model.

    Args:
        model: view-model of the page.
    """

    def __init__(self, model: LabModel) -> None:
        self.model = model
        self.pane = pn.pane.HTML("", height=34, sizing_mode="stretch_width",
                                  margin=(6, 10, 2, 10), stylesheets=[STATUS_CSS])
        self.layout = pn.Row(self.pane, sizing_mode="stretch_width", margin=0)
        for part, names in ((model, LAB_STATUS), (model.runs, RUN_STATUS)):
            part.param.watch(lambda *events: self.update(), names)
        self.update()

    def update(self) -> None:
        """Show the error if there is one, else the state of the run."""
        text = status_html(self.model)
        if text != self.pane.object:
            self.pane.object = text
