"""How a page comes to its session, and comes back to its run when its connection breaks.

Bokeh would connect to the old session again, but cannot draw the arrays of its pictures then. So
the page is opened anew. Its address says what is chosen, and for that one time the key of the
session as well. The server lets go of a session a few seconds after its page; what is kept can be
found for longer.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.document import Document
from bokeh.models import CustomJS
from tornado.websocket import WebSocketClosedError

BACK = "back"
"""Name of the key in the address of a page that comes back."""

ARRIVAL = 60_000
"""Milliseconds that a page may take to load; one that has been there is let go of much sooner."""

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
    document.js_on_event("connection_lost", CustomJS(args={"back": BACK, "key": key}, code=_LOST))


def wait_for(document: Document) -> None:
    """Keep a session until its page has loaded, which takes long when many load at a time.

    A page whose session is gone is given another one, whose style sheets Panel does not serve.
    """
    blocked = []

    def block() -> None:
        blocked.append(document.session_context.session)
        blocked[0].block_expiration()

    def release() -> None:
        if blocked:
            blocked.pop().unblock_expiration()

    document.add_next_tick_callback(block)
    document.add_timeout_callback(release, ARRIVAL)
    pn.state.onload(release)


def ignore_closed_pages() -> None:
    """Let the event loop say nothing of a page that was closed while something was on its way.

    Panel writes in pieces; when the first finds the page closed nobody hears of the others.
    """
    asyncio.get_running_loop().set_exception_handler(_handle)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), WebSocketClosedError):
        loop.default_exception_handler(context)
