"""Score table of the Panel app, with one row per method from the start.

It replaces Tabulator, which fails at times if data arrive while it is being built, and whose script
is as large as all the rest of Panel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from ....metrics.columns import COLUMNS, Column, columns_of, fitting
from ...pictures.style import legend_glyph

NAME = 128
"""Width of the column of the methods [pixels]."""


class ScoreTable(JSComponent):
    """Scores by method; a click on a column title sorts them."""

    columns = param.List(doc="title, meaning and width of each column")
    dimmed = param.Boolean(False, doc="True for scores that are not of the choices")
    rows = param.List(doc="name, legend glyph, and value and text of each score, by method")

    _esm = Path(__file__).with_name("score_table.js")
    _stylesheets = [Path(__file__).with_name("score_table.css")]

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._names: list[str] = []
        self._width, self._cycled = 0, False
        self._columns: tuple[Column, ...] = ()
        self._set_columns(COLUMNS)

    def _set_columns(self, columns: tuple[Column, ...]) -> None:
        """Choose the columns; those that are there already are not sent again."""
        if columns != self._columns:
            self._columns = columns
            titles = [{"title": c.title, "meaning": c.meaning, "width": c.width} for c in columns]
            self.columns = [{"title": "Method", "meaning": "", "width": NAME}, *titles]

    def set_size(self, size: tuple[int, int], names: Sequence[str], cycled: bool = False) -> None:
        """Set width and height [pixels], a row for each of the methods, and the columns that fit.

        Args:
            size: width and height.
            names: labels of the methods.
            cycled: True for the columns of a cycled experiment.
        """
        self._names = list(names)
        width, height = size
        self._width, self._cycled = width, cycled
        self._fit_columns(())
        self.param.update(width=width, min_width=width, height=height, min_height=height)

    def _fit_columns(self, known: Iterable[str]) -> None:
        """Choose the columns that fit, among them those of further scores that are known."""
        self._set_columns(fitting(
            columns_of(self._cycled, known),
            lambda some: NAME + sum(c.width for c in some) <= self._width,
        ))

    def show(self, known: Mapping[str, Mapping[str, float]], dimmed: bool = False) -> None:
        """Fill in the known scores; methods without scores keep empty rows."""
        self.dimmed = dimmed
        self._fit_columns(next(iter(known.values()), {}))
        rows = [_row(name, known.get(name, {}), self._columns) for name in self._names]
        if rows != self.rows:
            self.rows = rows


def _row(
    name: str, scores: Mapping[str, float], columns: tuple[Column, ...]
) -> dict[str, Any]:
    values = [scores.get(column.key, math.nan) for column in columns]
    return {
        "name": name, "legend_glyph": legend_glyph(name),
        "values": [value if math.isfinite(value) else None for value in values],
        "texts": [column.cell(scores) for column in columns],
    }
