"""What a page does when its connection breaks: it comes back by itself, and finds its run.

Bokeh would connect to the old session again, but cannot draw the arrays of its pictures then. So
the page is opened anew. Its address says what is chosen, and for that one time the key of the
session as well. The server lets go of a session a few seconds after its page; what is kept can be
found for longer.
"""

from __future__ import annotations

from pathlib import Path

from bokeh.document import Document
from bokeh.models import CustomJS

BACK = "back"
"""Name of the key in the address of a page that comes back."""

FORGET = f"""
const here = new URL(location)
if (here.searchParams.has("{BACK}")) {{
  here.searchParams.delete("{BACK}")
  history.replaceState(history.state, "", here)
}}
"""
"""Script that takes the key out of the address again: a reload is a fresh start."""

_LOST = Path(__file__).with_name("lost.js").read_text()


def come_back(document: Document, key: str) -> None:
    """Let a page come back if its connection breaks.

    Args:
        document: of the page.
        key: of its session.
    """
    document.config.update(reconnect_session=False, notify_connection_status=False)
    document.js_on_event("connection_lost", CustomJS(args={"key": key}, code=_LOST))
