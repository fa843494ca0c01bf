"""Common parts of the pages: template, colours, scripts, and a session that polls the model.

The pages load no fonts, icons or scripts from other hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.document import Document
from panel.io.resources import CDN_DIST
from panel.reactive import Syncable
from panel.theme.base import Design
from panel.widgets import Widget

from ..model.lab import LabModel
from ..model.teaching.gallery import GalleryModel
from ..model.teaching.lessons import LessonModel
from ..render.html import THEME
from .reconnect import FORGET, come_back, ignore_closed_pages, wait_for

PERIOD = 100
"""Time between two polls of the view-model [ms]: at most ten updates per second."""

GATHER = 15
"""Time for which Panel collects the events of a field [ms]; its default of 50 is noticeable."""

_HERE = Path(__file__).parent


class Page(pn.Template):
    """A template that renders 20 % faster; rendering blocks the event loop.

    Panel's own template builds its ``repr`` for every part that is added, and has Bokeh traverse
    all models for every part of the document.
    """

    def __repr__(self) -> str:
        return f"Page of {', '.join(self._render_items)}"

    def _init_doc(self, doc: Document | None = None, *args: Any, **keywords: Any) -> Document:
        document = doc or pn.state.curdoc or Document()
        with document.models.freeze():
            return super()._init_doc(document, *args, **keywords)


def prepare() -> None:
    """Configure Panel for a page."""
    pn.extension(notifications=False)
    Syncable._debounce = GATHER


def address() -> dict[str, list[str]]:
    """Return the query arguments of the page by name; none if there is no page."""
    arguments = pn.state.session_args or {}
    return {k: [v.decode(errors="replace") for v in values] for k, values in arguments.items()}


def template(
    name: str, words: Mapping[str, str] | None = None, **parts: object
) -> pn.Template:
    """Make a page.

    Args:
        name: file name of the HTML template.
        words: texts of the template, by the names of its variables.
        parts: contents of the template's places, by name.
    """
    page = Page(_text(name), nb_template="", design=LabDesign)
    page.add_variable("lab_css", THEME + _text("page.css"))
    page.add_variable("lab_js", _text("theme.js") + _text("steady.js") + FORGET)
    for variable, text in (words or {}).items():
        page.add_variable(variable, text)
    for place, part in parts.items():
        page.add_panel(place, part)
    return page


def wait_for_screen(model: LabModel | LessonModel | GalleryModel) -> None:
    """Have a model prepare nothing before its page is on screen; do nothing without a session."""
    model.on_screen = False
    pn.state.onload(lambda: setattr(model, "on_screen", True))


def follow(title: str, key: str, poll: Callable[[], None], leave: Callable[[], None]) -> None:
    """Poll a view-model while the session of a page lives; do nothing without a session.

    Args:
        title: title of the page.
        key: key of the session, by which the page resumes after a loss of connection.
        poll: polls the view-model.
        leave: releases its work when the session ends.
    """
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        return
    document.title = title
    ignore_closed_pages()
    come_back(document, key)
    wait_for(document)
    # updates that reach the browser before its fields are drawn would fail there; Panel's own
    # periodic callback would mark the page as busy at every poll
    pn.state.onload(lambda: document.add_periodic_callback(poll, PERIOD))
    pn.state.on_session_destroyed(lambda context: leave())


def _text(name: str) -> str:
    return (_HERE / name).read_text()


NATIVE = f"{CDN_DIST}bundled/theme/native.css"
FIELDS = Path(__file__).with_name("fields.css").read_text()


class LabDesign(Design):
    """Panel design that styles the stock widgets with the lab's CSS variables.

    It styles widgets only: a pane whose Bokeh figure has a style sheet cannot be hidden.
    """

    modifiers = {Widget: {"stylesheets": [NATIVE, FIELDS]}}
