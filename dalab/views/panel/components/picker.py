"""Several of a registry to be ticked, in groups that fold; what is ticked stays visible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent


class Picker(JSComponent):
    """Ticks in groups.

    Args:
        label: what is chosen, for assistive technology.
        groups: names by the title of their group; a group without a title cannot be folded.
        details: per name its ``meaning``, and its ``legend_glyph`` where it has one.
    """

    value = param.List([], doc="what is ticked, in the order of the groups")
    unavailable = param.Dict({}, allow_refs=True, doc="what cannot be chosen now, and why")
    label = param.String()
    groups = param.List(doc="per group its title and entries: name, meaning and emblem")

    _esm = Path(__file__).with_name("picker.js")
    _stylesheets = [Path(__file__).with_name("picker.css")]

    def __init__(
        self, label: str, groups: Mapping[str, Sequence[str]],
        details: Mapping[str, Mapping[str, str]], **keywords: Any,
    ) -> None:
        entries = [
            {"title": title, "entries": [{"name": name, **details[name]} for name in names]}
            for title, names in groups.items()
        ]
        super().__init__(label=label, groups=entries, sizing_mode="stretch_width",
                         margin=(2, 10, 4, 10), **keywords)
