"""The tick that keeps a run for when its page is opened again; the key of it in the address."""

from __future__ import annotations

import panel as pn

from .forms import field
from .model import LabModel

KEY = "session"
"""Name of the key in the address of a page; links that are shared leave it out."""

_WRITE = f"""
const address = new URL(window.location)
if (cb_obj.active.length) address.searchParams.set("{KEY}", key)
else address.searchParams.delete("{KEY}")
history.replaceState(history.state, "", address)
"""


def keeper(model: LabModel) -> pn.widgets.Widget:
    """The tick; while it is set the address of the page holds the key of the session."""
    tick = field(model, "keep")
    tick.jscallback(args={"key": model.session.key}, value=_WRITE)
    return tick
