"""How Panel's own fields and buttons come to the colours of the lab."""

from __future__ import annotations

from pathlib import Path

from panel.theme.base import Inherit
from panel.theme.native import Native
from panel.widgets import Widget

FIELDS = Path(__file__).with_name("fields.css").read_text()


class LabDesign(Native):
    """Panel's plainest design, and one style sheet more for what a person can work with."""

    modifiers = {Widget: {"stylesheets": [Inherit, FIELDS]}}
