"""What the pages have in common: template, colours, scripts, and a session that follows the model.

They need nothing from the network: no fonts, no icons, no content delivery.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.document import Document
from panel.io.resources import CDN_DIST
from panel.reactive import Syncable
from panel.theme.base import Design
from panel.widgets import Widget

from ..render.html import THEME
from .reconnect import FORGET, come_back, ignore_closed_pages, wait_for

PERIOD = 100
"""Milliseconds between two looks at the view-model: at most ten pictures a second."""

GATHER = 15
"""Milliseconds for which Panel gathers what one field says; its own 50 are felt."""

_HERE = Path(__file__).parent


class Page(pn.Template):
    """A template that takes a fifth less computing to make, for which all other pages wait.

    Panel's own describes itself in words for every part that is added to it, and has Bokeh look
    through all models for every part of the document.
    """

    def __repr__(self) -> str:
        return f"Page of {', '.join(self._render_items)}"

    def _init_doc(self, doc: Document | None = None, *args: Any, **keywords: Any) -> Document:
        document = doc or pn.state.curdoc or Document()
        with document.models.freeze():
            return super()._init_doc(document, *args, **keywords)


def prepare() -> None:
    """Make Panel ready for a page."""
    pn.extension(notifications=False)
    Syncable._debounce = GATHER


def address() -> dict[str, list[str]]:
    """What the address of the page says, by name; nothing where there is no page."""
    arguments = pn.state.session_args or {}
    return {k: [v.decode(errors="replace") for v in values] for k, values in arguments.items()}


def template(name: str, **parts: object) -> pn.Template:
    """A page.

    Args:
        name: of the file that says where the parts stand.
        parts: what stands there, by name.
    """
    page = Page(_text(name), nb_template="", design=LabDesign)
    page.add_variable("lab_css", THEME + _text("page.css"))
    page.add_variable("lab_js", _text("theme.js") + _text("steady.js") + FORGET)
    for place, part in parts.items():
        page.add_panel(place, part)
    return page


def follow(title: str, key: str, poll: Callable[[], None], leave: Callable[[], None]) -> None:
    """Follow a view-model while the session of a page lives; nothing happens where there is none.

    Args:
        title: of the page.
        key: of the session, by which the page comes back when its connection breaks.
        poll: looks at the view-model.
        leave: lets go of its work when the session ends.
    """
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        return
    document.title = title
    ignore_closed_pages()
    come_back(document, key)
    wait_for(document)
    # what reached the browser before its fields are drawn would fail there; Panel's own callback
    # would count itself as work in progress at every look
    pn.state.onload(lambda: document.add_periodic_callback(poll, PERIOD))
    pn.state.on_session_destroyed(lambda context: leave())


def _text(name: str) -> str:
    return (_HERE / name).read_text()


NATIVE = f"{CDN_DIST}bundled/theme/native.css"
FIELDS = Path(__file__).with_name("fields.css").read_text()


class LabDesign(Design):
    """Panel's plainest looks for what a person can work with, in the colours of the theme.

    For nothing else: a pane whose Bokeh figure has been given a style sheet cannot be hidden.
    """

    modifiers = {Widget: {"stylesheets": [NATIVE, FIELDS]}}
