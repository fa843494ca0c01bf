"""Header of a page: tabs, theme switch, and the space available in the window.

The browser keeps the theme in its local storage and sets it as the attribute ``data-theme`` of the
document, on which all colours depend.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent


class Header(JSComponent):
    """Tabs and theme switch; reports the size of the main area.

    Args:
        names: names of the tabs; without names there are no tabs.
    """

    names = param.List(doc="names of the pages, in the order of their tabs")
    page = param.String(doc="name of the active page")
    available_size = param.List(
        [], doc="width and height of the main area [pixels]; empty until known"
    )

    _esm = Path(__file__).with_name("header.js")
    _stylesheets = [Path(__file__).with_name("header.css")]

    def __init__(self, names: Sequence[str] = (), **keywords: Any) -> None:
        super().__init__(
            names=list(names), sizing_mode="stretch_width", height=38, margin=0, **keywords
        )
