"""Pages of a server without the guard, such as ``panel serve``: for this machine only."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cache

import panel as pn
from panel.viewable import Viewable

from .names import LOCAL

WARNING = """\
This server guards neither its routes nor its sessions: its pages are for this machine only.
To serve others, and for all other limits: dalab lab. See docs/deploy.md."""

REFUSAL = """
<p role="alert">This server shows its pages under the names of its own machine only, such as
localhost. To serve others, start it with <code>dalab lab --origin HOST --users FILE</code>.</p>"""


def local_page(make: Callable[[], pn.Template]) -> pn.Template | Viewable:
    """Make a page if it is asked for under a name of this machine; else one that says why not.

    A page of another site can make a browser ask this machine under a name of its own.

    Args:
        make: function that makes the page.
    """
    _warn()
    host = (pn.state.headers or {}).get("Host", "localhost")
    return make() if names_this_machine(host) else pn.pane.HTML(REFUSAL)


def names_this_machine(host: str) -> bool:
    """Return True for the value of a ``Host`` header that names this machine, at any port."""
    return re.sub(r":[0-9]{1,5}$", "", host.lower()) in LOCAL


@cache
def _warn() -> None:
    """Print the warning, once."""
    print(WARNING, file=sys.stderr, flush=True)
