"""Picker of several registry entries, in groups that fold; selected entries stay visible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent


class Picker(JSComponent):
    """Checkboxes in groups.

    Args:
        label: name of the picker for assistive technology.
        groups: names by the title of their group; a group without a title cannot be folded.
        details: ``meaning`` by name, and ``legend_glyph`` if there is one.
    """

    value = param.List([], doc="selected names, in the order of the groups")
    unavailable = param.Dict(
        {}, allow_refs=True, doc="reasons why names cannot be selected now, by name"
    )
    label = param.String()
    groups = param.List(doc="title and entries (name, meaning, legend glyph) of each group")

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
