"""The colours of the lab: one per method, wherever it appears, and two scales for maps.

Methods take the colour-blind safe set of Okabe and Ito and, beside it, a marker and a dash of
their own, so that no picture depends on colour alone. Fields take a diverging scale of uniform
perceptual steps centred at zero (CET-D1A of Kovesi, arXiv 1509.03700); spread takes viridis.
"""

from __future__ import annotations

import re

import numpy as np

_OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
_MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star")
_DASHES = ("solid", "dashed", "dotted", "dashdot")
_FIRST = ("spectral", "oi", "letkf", "sda", "dps", "mmps")

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


def _rank(label: str) -> tuple[int, int]:
    """Place of the method behind a label in the fixed order, and which of its twins it is."""
    from ..methods import METHODS

    name, twin = re.fullmatch(r"(.*?)(?:-(\d+))?", label).groups()
    order = [*_FIRST, *(known for known in METHODS if known not in _FIRST)]
    place = order.index(name) if name in order else len(order)
    return place, int(twin or 1) - 1


def colour(label: str) -> str:
    """The colour of a method, ``#rrggbb``; twins such as ``spectral-2`` share it."""
    return _OKABE_ITO[_rank(label)[0] % len(_OKABE_ITO)]


def marker(label: str) -> str:
    """The marker of a method, by its Bokeh name; those that share a colour differ in it."""
    place = _rank(label)[0]
    return _MARKERS[(place + place // len(_OKABE_ITO)) % len(_MARKERS)]


def dash(label: str) -> str:
    """The dash of a method's curves: twins, and those that share a colour, differ in it."""
    place, twin = _rank(label)
    return _DASHES[(place // len(_OKABE_ITO) + twin) % len(_DASHES)]


def palette(kind: str, size: int = 256) -> list[str]:
    """``size`` colours of the ``diverging`` or the ``sequential`` scale, low to high."""
    anchors = _DIVERGING if kind == "diverging" else _SEQUENTIAL
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in anchors])
    at = np.linspace(0, len(anchors) - 1, size)
    mixed = [np.interp(at, np.arange(len(anchors)), channel) for channel in rgb.T]
    return ["#" + bytes(row).hex() for row in np.stack(mixed, axis=1).round().astype(int).tolist()]
