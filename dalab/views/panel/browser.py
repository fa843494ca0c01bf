"""The secret name of a browser, by which its runs are found again.

A cookie holds it, never an address. A guarded server sets it out of reach of scripts; on any other
one the page sets it itself.
"""

from __future__ import annotations

import re
import secrets

import panel as pn
from bokeh.models import CustomJS

BROWSER = "dalab-browser"
"""Cookie with the name."""

DAYS = 30
"""Time for which a browser keeps its name."""

BROWSER_NAME = re.compile(r"[A-Za-z0-9_-]{22}")
"""Form of a name: 128 random bits."""


def new_browser_name() -> str:
    """Draw a name."""
    return secrets.token_urlsafe(16)


def browser() -> str:
    """Return the name of the browser of the page; empty if there is no page.

    A browser without one gets one: the page writes the cookie.
    """
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        return ""
    name = pn.state.cookies.get(BROWSER, "")
    if not _KNOWN.fullmatch(name):
        name = new_browser_name()
        document.js_on_event("document_ready", CustomJS(code=_WRITE.format(name=name)))
    return name


_KNOWN = re.compile(rf"{BROWSER_NAME.pattern}|[0-9a-f]{{64}}")
"""A name as it is, or as a guarded server hands it on."""

_WRITE = f"document.cookie = '{BROWSER}={{name}}; path=/; max-age={DAYS * 86400}; SameSite=Lax'"
