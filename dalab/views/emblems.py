"""The look of a method as a small picture: a piece of its curve, with its marker."""

from __future__ import annotations

from .colours import TRUTH, colour, dash, marker

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


def emblem(label: str) -> str:
    """A method's piece of curve as SVG; that of ``truth`` is thick and grey."""
    if label == "truth":
        return _svg(f'<path d="M1 6H25" stroke="{TRUTH}" stroke-width="4"/>')
    tint = colour(label)
    line = (f'<path d="M0 6H26" stroke="{tint}" stroke-width="2" '
            f'stroke-dasharray="{_STROKES[dash(label)]}"/>')
    return _svg(line + f'<path d="{_SHAPES[marker(label)]}" fill="{tint}"/>')


def _svg(drawn: str) -> str:
    return (
        '<svg class="emblem" width="26" height="12" viewBox="0 0 26 12" fill="none" '
        f'aria-hidden="true" style="flex: none; vertical-align: -1px">{drawn}</svg>'
    )
