"""The score table of the Panel skin, one row per method from the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    DataTable,
    HTMLTemplateFormatter,
    InlineStyleSheet,
    TableColumn,
)

from .colours import colour
from .scores import COLUMNS


class ScoreTable:
    """Scores by method, to be sorted by a click on a column.

    Bokeh's own table: Tabulator fails now and then when data arrive while it is being built.

    Args:
        methods: every method there may be.
    """

    def __init__(self, methods: Sequence[str]) -> None:
        self.names: list[str] = []
        self.source = ColumnDataSource(self._data({}), name="scores")
        numbers = [
            TableColumn(field=c.key, title=c.title, formatter=_number(c.digits), width=70)
            for c in COLUMNS
        ]
        first = TableColumn(field="method", title="Method", formatter=_chips(methods), width=90)
        self.widget = DataTable(
            source=self.source, columns=[first, *numbers], index_position=None, row_height=24,
            width=500, height=150, autosize_mode="force_fit", selectable=False, reorderable=False,
            stylesheets=[InlineStyleSheet(css=STYLE)], margin=(4, 0, 0, 0),
        )

    def place(self, size: tuple[int, int], names: Sequence[str]) -> None:
        """Make the table as wide and high as ``size``, with a row for each of the methods."""
        self.names = list(names)
        if (self.widget.width, self.widget.height) != size:
            self.widget.update(width=size[0], height=size[1])

    def show(self, rows: Mapping[str, Mapping[str, float]]) -> None:
        """Fill in what is known; methods without a row are emptied."""
        data = self._data(rows)
        if any(not _same(self.source.data[key], values) for key, values in data.items()):
            self.source.data = data

    def _data(self, rows: Mapping[str, Mapping[str, float]]) -> dict[str, list]:
        values = {
            c.key: [rows.get(name, {}).get(c.key, np.nan) for name in self.names] for c in COLUMNS
        }
        return {"method": list(self.names), **values}


def _same(one: list, other: list) -> bool:
    return len(one) == len(other) and all(
        a == b or (a != a and b != b) for a, b in zip(one, other, strict=True)
    )


def _number(digits: int) -> HTMLTemplateFormatter:
    """A dash for what is not known, and powers of ten for what has diverged."""
    return HTMLTemplateFormatter(template=(
        "<div class='number'><%= value == null || isNaN(value) ? '–' : "
        f"value < 1e5 ? value.toFixed({digits}) : value.toExponential(0) %></div>"
    ))


def _chips(names: Sequence[str]) -> HTMLTemplateFormatter:
    """The name behind a dot in its colour."""
    colours = ", ".join(f"'{name}': '{colour(name)}'" for name in names)
    return HTMLTemplateFormatter(template=(
        "<span style=\"color: <%= ({" + colours + "})[value] %>\">&#9679;</span> <%= value %>"
    ))


STYLE = """
.slick-header.ui-state-default { border: none; background: none; }
.slick-header .slick-header-columns { background: none; border-bottom: 1px solid #c9d0d8; }
.slick-header .slick-header-column.ui-state-default { background: none; border: none;
  font-size: 11px; font-weight: 600; color: #1f2937; padding: 3px 4px; height: 18px; }
.slick-header .slick-header-column:not(:first-child) { text-align: right; }
.slick-header .slick-column-name { text-overflow: clip; }
.slick-row .slick-cell { font-size: 12.5px; line-height: 23px; padding: 0 4px; border: none;
  border-bottom: 1px solid #e5e7eb; font-variant-numeric: tabular-nums; }
.slick-row.even, .slick-row.odd { background: none; }
.slick-viewport { background: none; }
.number { text-align: right; }
"""
