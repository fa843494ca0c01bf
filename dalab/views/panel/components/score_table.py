"""Score table of the Panel app, with one row per method from the start.

It replaces Tabulator, which fails at times if data arrive while it is being built, and whose script
is as large as all the rest of Panel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from ...pictures.score_columns import COLUMNS
from ...pictures.style import legend_glyph
from ...pictures.wording import format_score


class ScoreTable(JSComponent):
    """Scores by method; a click on a column title sorts them."""

    columns = param.List(
        [{"title": "Method", "meaning": ""}]
        + [{"title": c.title, "meaning": c.meaning} for c in COLUMNS],
        doc="title and meaning of each column",
    )
    rows = param.List(doc="name, legend glyph, and value and text of each score, by method")

    _esm = Path(__file__).with_name("score_table.js")
    _stylesheets = [Path(__file__).with_name("score_table.css")]

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._names: list[str] = []

    def set_size(self, size: tuple[int, int], names: Sequence[str]) -> None:
        """Set width and height [pixels], and a row for each of the methods."""
        self._names = list(names)
        width, height = size
        self.param.update(width=width, min_width=width, height=height, min_height=height)

    def show(self, known: Mapping[str, Mapping[str, float]]) -> None:
        """Fill in the known scores; methods without scores keep empty rows."""
        rows = [_row(name, known.get(name, {})) for name in self._names]
        if rows != self.rows:
            self.rows = rows


def _row(name: str, scores: Mapping[str, float]) -> dict[str, Any]:
    values = [scores.get(column.key, math.nan) for column in COLUMNS]
    return {
        "name": name, "legend_glyph": legend_glyph(name),
        "values": [value if math.isfinite(value) else None for value in values],
        "texts": [format_score(v, c.digits) for v, c in zip(values, COLUMNS, strict=True)],
    }
