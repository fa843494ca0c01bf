"""Sessions of pages, and recovery of a page's run after a loss of connection.

Bokeh could reconnect to the old session, but cannot redraw the arrays of its figures then. So the
page is reloaded; its address holds the configuration and, this once, the key of the session. The
server discards a session a few seconds after its page is closed; kept runs can be found for longer.
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
"""Query argument for the session key of a page that reconnects."""

ARRIVAL = 60_000
"""Grace period for the first load [ms]; a loaded page expires sooner (see ``serve.SESSION``)."""

FORGET = f"""
const here = new URL(location)
if (here.searchParams.has("{BACK}")) {{
  here.searchParams.delete("{BACK}")
  history.replaceState(history.state, "", here)
}}
"""
"""Script that removes the key from the address, so that a reload starts afresh."""

_LOST = Path(__file__).with_name("lost.js").read_text()


def come_back(document: Document, key: str) -> None:
    """Reload a page with its session key if its connection is lost.

    Args:
        document: document of the page.
        key: key of its session.
    """
    document.config.update(reconnect_session=False, notify_connection_status=False)
    document.js_on_event("connection_lost", CustomJS(args={"back": BACK, "key": key}, code=_LOST))


def wait_for(document: Document) -> None:
    """Keep a session until its page has loaded, which is slow when many load at a time.

    A page whose session has expired gets a new one, whose style sheets Panel does not serve.
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
    """Ignore ``WebSocketClosedError`` from pages that close with messages in flight.

    Panel sends a message in pieces and awaits only the first.
    """
    asyncio.get_running_loop().set_exception_handler(_handle)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), WebSocketClosedError):
        loop.default_exception_handler(context)
