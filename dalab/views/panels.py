"""The Panel skin: one screen, fed by the view-model ten times a second."""

from __future__ import annotations

from pathlib import Path

import panel as pn
from panel.reactive import Syncable

from .connection import BACK, FORGET, come_back, wait_for
from .design import LabDesign
from .keeper import KEY
from .links import linked, usual
from .model import LabModel
from .pages import Pages
from .sharebar import share_bar
from .sidebar import sidebar
from .strips import THEME
from .tour import Tour

PERIOD = 100
"""Milliseconds between two looks at the view-model: at most ten pictures a second."""

GATHER = 15
"""Milliseconds for which Panel gathers what one field says; its own 50 are felt."""

_HERE = Path(__file__).parent


def create_app(**presets: object) -> pn.Template:
    """The lab as a page of its own; every call makes an independent session.

    The page needs nothing from the network: no fonts, no icons, no content delivery.

    Args:
        presets: fields of :class:`dalab.experiments.config.Config` to start with.

    Raises:
        InputError: for a preset that names nothing or is out of its bounds.
    """
    pn.extension(notifications=False)
    Syncable._debounce = GATHER
    address = _address()
    keys = [*address.pop(BACK, []), *address.get(KEY, [])]
    model = linked(presets, address)
    for key in keys:
        if model.come_back(key):
            break
    pages = Pages(model)
    page = pn.Template((_HERE / "page.html").read_text(), nb_template="", design=LabDesign)
    page.add_variable("lab_css", THEME + (_HERE / "page.css").read_text())
    page.add_variable("lab_js", (_HERE / "steady.js").read_text() + FORGET)
    page.add_panel("header", pages.header)
    page.add_panel("tour", Tour(model))
    page.add_panel("share", share_bar(model, usual(presets)))
    page.add_panel("controls", sidebar(model))
    page.add_panel("desk", pages.layout)
    _follow(model, pages)
    return page


def _address() -> dict[str, list[str]]:
    """What the address of the page says, by name; nothing where there is no page."""
    arguments = pn.state.session_args or {}
    return {k: [v.decode(errors="replace") for v in values] for k, values in arguments.items()}


def _follow(model: LabModel, pages: Pages) -> None:
    """Look at the model while the session lives; let go of its work when it ends."""
    if pn.state.curdoc is None or pn.state.curdoc.session_context is None:
        return
    pn.state.curdoc.title = "dalab"
    come_back(pn.state.curdoc, model.session.key)
    wait_for(pn.state.curdoc)
    # what reached the browser before its fields are drawn would fail there
    pn.state.onload(lambda: pn.state.add_periodic_callback(pages.tick, period=PERIOD))
    pn.state.on_session_destroyed(lambda context: model.close())
