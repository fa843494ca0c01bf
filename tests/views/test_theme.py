"""The colours of the page: text can be read on its ground in both themes (WCAG 2, level AA)."""

import re

import pytest

from dalab.methods import METHODS
from dalab.views.pictures.style import TRUTH, colour
from dalab.views.render.html import THEME

GROUNDS = {
    "card": ["ink", "muted", "accent", "good", "danger"], "ground": ["ink", "muted", "accent"],
    "field": ["ink", "muted"], "blank": ["ink", "muted"], "accent": ["on-accent"],
    "danger": ["on-danger"], "error-ground": ["error"], "note-ground": ["note"],
    "header": ["header-ink", "header-muted"],
}
"""What is written on each ground."""


def colours(dark: bool) -> dict[str, str]:
    """Variables of a theme; the dark one inherits what it does not set."""
    light, other = re.findall(r"\{(.*?)\}", THEME, re.DOTALL)
    find = re.compile(r"--lab-([a-z-]+): *(#[0-9a-f]{6})")
    return dict(find.findall(light)) | (dict(find.findall(other)) if dark else {})


def luminance(colour: str) -> float:
    """Relative luminance of sRGB, 0 to 1."""
    share = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in share]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a: str, b: str) -> float:
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_of_known_colours():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_text_can_be_read_on_its_ground(ground, dark):
    known = colours(dark)
    for ink in GROUNDS[ground]:
        assert contrast(known[ink], known[ground]) >= 4.5, ink


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_edges_of_fields_and_marks_are_seen(dark):
    known = colours(dark)
    for ground in ("card", "ground", "field"):
        assert contrast(known["edge"], known[ground]) >= 3
    assert contrast(known["header-mark"], known["header"]) >= 3


@pytest.mark.parametrize("name", ["truth", *METHODS])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_curves_are_seen_on_either_ground(name, dark):
    tint = TRUTH if name == "truth" else colour(name)
    assert contrast(tint, colours(dark)["card"]) >= 3
