"""How Panel's own fields and buttons come to the colours of the lab."""

from __future__ import annotations

from pathlib import Path

from panel.io.resources import CDN_DIST
from panel.theme.base import Design
from panel.widgets import Widget

NATIVE = f"{CDN_DIST}bundled/theme/native.css"
FIELDS = Path(__file__).with_name("fields.css").read_text()


class LabDesign(Design):
    """Panel's plainest looks for what a person can work with, in the colours of the theme.

    For nothing else: a pane whose Bokeh figure has been given a style sheet cannot be hidden.
    """

    modifiers = {Widget: {"stylesheets": [NATIVE, FIELDS]}}
