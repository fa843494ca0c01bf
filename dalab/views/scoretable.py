"""The score table of the Panel skin, one row per method from the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models import HTMLTemplateFormatter

from .colours import colour
from .scores import COLUMNS


class ScoreTable:
    """Scores by method; cells are patched, so that rows never jump.

    Args:
        methods: every method there may be.
    """

    def __init__(self, methods: Sequence[str]) -> None:
        self.names: list[str] = []
        self.widget = pn.widgets.Tabulator(
            _empty([]), width=500, height=150, show_index=False, disabled=True, selectable=False,
            layout="fit_columns", theme="simple", stylesheets=[STYLE], margin=(4, 0, 0, 0),
            widths={"method": 84},
            titles={"method": "Method", **{c.key: c.title for c in COLUMNS}},
            formatters={"method": _chips(methods), **{c.key: _number(c.digits) for c in COLUMNS}},
            text_align={c.key: "right" for c in COLUMNS},
            header_tooltips={c.key: c.meaning for c in COLUMNS},
        )
        self._shown: dict[tuple[int, str], float] = {}

    def place(self, size: tuple[int, int], names: Sequence[str]) -> None:
        """Make the table as wide and high as ``size``, with a row for each of the methods."""
        self.widget.param.update(width=size[0], height=size[1])
        if list(names) != self.names:
            self.names, self._shown = list(names), {}
            self.widget.value = _empty(self.names)

    def show(self, rows: Mapping[str, Mapping[str, float]]) -> None:
        """Fill in what is known; methods without a row are emptied."""
        patch: dict[str, list[tuple[int, float]]] = {}
        for number, name in enumerate(self.names):
            for column in COLUMNS:
                value = rows.get(name, {}).get(column.key, np.nan)
                before = self._shown.get((number, column.key), np.nan)
                if value != before and not (np.isnan(value) and np.isnan(before)):
                    self._shown[number, column.key] = value
                    patch.setdefault(column.key, []).append((number, value))
        if patch:
            self.widget.patch(patch)


def _empty(names: Sequence[str]) -> pd.DataFrame:
    unknown = np.full(len(names), np.nan)
    return pd.DataFrame({"method": list(names), **{c.key: unknown for c in COLUMNS}})


def _number(digits: int) -> HTMLTemplateFormatter:
    """A dash for what is not known, and powers of ten for what has diverged."""
    return HTMLTemplateFormatter(template=(
        "<%= value == null || isNaN(value) ? '–' : "
        f"value < 1e5 ? value.toFixed({digits}) : value.toExponential(0) %>"
    ))


def _chips(names: Sequence[str]) -> HTMLTemplateFormatter:
    """The name behind a dot in its colour."""
    colours = ", ".join(f"'{name}': '{colour(name)}'" for name in names)
    return HTMLTemplateFormatter(template=(
        "<span style=\"color: <%= ({" + colours + "})[value] %>\">&#9679;</span> <%= value %>"
    ))


STYLE = """
:host .tabulator { font-size: 12.5px; border: none; background: transparent; }
:host .tabulator .tabulator-header { font-size: 11px; border-bottom: 1px solid #c9d0d8; }
:host .tabulator .tabulator-header .tabulator-col .tabulator-col-content { padding: 3px 6px; }
:host .tabulator .tabulator-header .tabulator-col .tabulator-col-title {
  padding-right: 0 !important; white-space: normal !important; line-height: 1.15; }
:host .tabulator .tabulator-header .tabulator-arrow { display: none; }
:host .tabulator .tabulator-row { min-height: 23px; }
:host .tabulator .tabulator-row .tabulator-cell { font-size: 12.5px; padding: 3px 6px;
  height: 23px; font-variant-numeric: tabular-nums; }
"""
