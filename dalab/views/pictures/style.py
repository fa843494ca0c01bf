"""Colours of the lab: one style per method in all plots, and two colour scales for maps.

Methods have the hue of their family, in shades with a contrast of 3:1 or more on light and on dark
backgrounds, and a dash and marker of their own, so that no plot relies on colour alone; the hues
can be told apart by the colour-blind (after Okabe and Ito). Fields use a perceptually uniform
diverging scale centred at zero (CET-D1A of Kovesi, arXiv 1509.03700); spread uses viridis.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...methods.families import FAMILIES, families

TRUTH = "#8792a1"
"""Grey of the truth, visible on light and dark backgrounds."""

_HUES = (
    ("#0072B2", "#2E96D6", "#6A5FD0"),
    ("#009E73", "#6B8F00", "#3E9C3E", "#5E8C7A", "#7A8B3C"),
    ("#D0354B", "#B0607E", "#A8583F"), ("#D55E00", "#B58900"), ("#CC79A7", "#A0409A"),
    ("#7F7F7F", "#6B7F95"),
    ("#00838F", "#8C6D3F"),
)
_MARKERS = (
    "circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star", "plus",
)
_MATPLOTLIB = dict(zip(_MARKERS, "os^dvh*P", strict=True))
_DASHES = ("solid", "dashed", "dashdot")

UNOBSERVED = "#c3c7cd"

_DIVERGING = (
    "#172971", "#1c3aa1", "#284ecf", "#5164e6", "#777df3", "#9997fc", "#b9b4fa", "#d5d1f5",
    "#eee2e6", "#facabf", "#fca592", "#f87e68", "#e85b46", "#d43527", "#b8060f", "#8f0309",
    "#660702",
)
_SEQUENTIAL = (
    "#440154", "#472c7b", "#3a528b", "#2c728e", "#20908c", "#27ad80", "#5bc862", "#aadb32",
    "#fde724",
)


class _FamilyPosition(NamedTuple):
    """Position of a method: family, number within it, and number among its duplicates."""

    family: int
    number: int
    twin: int

    @property
    def shades(self) -> tuple[str, ...]:
        """Shades of the hue of the family."""
        return _HUES[min(self.family, len(_HUES) - 1)]


def _family_position(label: str) -> _FamilyPosition:
    """Find the position of a label's method; methods of other families come last, as one."""
    name, _, number = label.rpartition("-")
    name, twin = (name, int(number) - 1) if name and number.isdecimal() else (label, 0)
    others: list[str] = []
    for title, names in families().items():
        if title not in FAMILIES:
            others += names
        elif name in names:
            return _FamilyPosition(FAMILIES.index(title), names.index(name), twin)
    number = others.index(name) if name in others else len(others)
    return _FamilyPosition(len(FAMILIES), number, twin)


def colour(label: str) -> str:
    """Return the colour of a method, ``#rrggbb``; duplicates (``spectral-2``) share it."""
    position = _family_position(label)
    return position.shades[position.number % len(position.shades)]


def marker(label: str) -> str:
    """Return the Bokeh name of a method's marker; it differs within a family."""
    position = _family_position(label)
    return _MARKERS[(3 * position.family + position.number) % len(_MARKERS)]


def dash(label: str) -> str:
    """Return the dash of a method's curves; it differs between methods that share a colour."""
    position = _family_position(label)
    return _DASHES[(position.number // len(position.shades) + position.twin) % len(_DASHES)]


def plot_style(label: str) -> dict[str, Any]:
    """Return colour, dash and marker of a method as keywords of Matplotlib's ``plot``."""
    return {
        "color": colour(label), "linestyle": dash(label), "marker": _MATPLOTLIB[marker(label)],
    }


def palette(kind: str, size: int = 256) -> list[str]:
    """Return ``size`` colours of the ``diverging`` or ``sequential`` scale, low to high."""
    anchors = _DIVERGING if kind == "diverging" else _SEQUENTIAL
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in anchors])
    at = np.linspace(0, len(anchors) - 1, size)
    mixed = [np.interp(at, np.arange(len(anchors)), channel) for channel in rgb.T]
    return ["#" + bytes(row).hex() for row in np.stack(mixed, axis=1).round().astype(int).tolist()]


_SHAPES = {
    "circle": "M9 6a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "square": "M9.5 2.5h7v7h-7z",
    "triangle": "M13 1.5L17.5 9.5H8.5z",
    "inverted_triangle": "M13 10.5L17.5 2.5H8.5z",
    "diamond": "M13 1L16.8 6L13 11L9.2 6z",
    "hex": "M11 2h4l2.3 4l-2.3 4h-4l-2.3 -4z",
    "star": "M13 .8l1.5 3.5l3.8 .3l-2.9 2.5l.9 3.7l-3.3 -2l-3.3 2l.9 -3.7l-2.9 -2.5l3.8 -.3z",
    "plus": "M11.4 2h3.2v2.4h2.4v3.2h-2.4v2.4h-3.2v-2.4h-2.4v-3.2h2.4z",
}
_STROKES = {"solid": "", "dashed": "5 3", "dashdot": "5 2.5 1.5 2.5"}


def legend_glyph(label: str) -> str:
    """Draw the legend glyph of a method as SVG; that of ``truth`` is thick and grey."""
    if label == "truth":
        return _svg(f'<path d="M1 6H25" stroke="{TRUTH}" stroke-width="4"/>')
    tint = colour(label)
    line = (f'<path d="M0 6H26" stroke="{tint}" stroke-width="2" '
            f'stroke-dasharray="{_STROKES[dash(label)]}"/>')
    return _svg(line + f'<path d="{_SHAPES[marker(label)]}" fill="{tint}"/>')


def _svg(drawn: str) -> str:
    return (
        '<svg class="legend-glyph" width="26" height="12" viewBox="0 0 26 12" fill="none" '
        f'aria-hidden="true" style="flex: none; vertical-align: -1px">{drawn}</svg>'
    )
