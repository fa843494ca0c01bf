"""The status line over every page, and room beside it for what concerns the whole set-up."""

from __future__ import annotations

import panel as pn

from .model import LabModel
from .strips import STRIP, strip_html


class Status:
    """The line, and how it follows the model.

    Args:
        model: whose state it says.
    """

    def __init__(self, model: LabModel) -> None:
        self.model = model
        self.strip = pn.pane.HTML("", height=34, sizing_mode="stretch_width",
                                  margin=(6, 10, 2, 10), stylesheets=[STRIP])
        self.layout = pn.Row(self.strip, sizing_mode="stretch_width", margin=0)
        said = ["status", "error", "outdated", "fraction", "state"]
        model.param.watch(lambda *events: self.say(), said)
        self.say()

    def say(self) -> None:
        """Write the line: the error if there is one, else where the run stands."""
        text = strip_html(self.model)
        if text != self.strip.object:
            self.strip.object = text
