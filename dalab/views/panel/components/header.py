"""The header of a page: its tabs, the theme, and how much room the window leaves.

The theme is the browser's own affair: it is kept in its local storage and set as the attribute
``data-theme`` of the document, to which all colours refer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent


class Header(JSComponent):
    """Tabs and theme; a look at the window.

    Args:
        names: of the tabs; there are none without.
    """

    names = param.List(doc="of the pages, in the order of their tabs")
    page = param.String(doc="name of the page in front")
    available_size = param.List(
        [], doc="width and height of the main area [pixels]; empty until known"
    )

    _esm = Path(__file__).with_name("header.js")
    _stylesheets = [Path(__file__).with_name("header.css")]

    def __init__(self, names: Sequence[str] = (), **keywords: Any) -> None:
        super().__init__(
            names=list(names), sizing_mode="stretch_width", height=38, margin=0, **keywords
        )
