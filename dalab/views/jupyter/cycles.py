"""Controls of cycled runs in the notebook widget."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from ...experiments.config import CYCLED
from ..model.controls import Controls
from ..model.cycled_display import CycledDisplay
from ..model.display import DisplayModel
from ..model.lab import LabModel
from .binding import bind, field, follow, show_while
from .controls import flow

PERIOD = 100
"""Time between two cycles while playing [ms]."""


def cycle_fields(model: LabModel, wake: Callable[[], None]) -> ipw.VBox:
    """Lay out the switch between a window and cycles, and the fields of cycles while it is on."""
    controls = model.controls
    kinds = ipw.ToggleButtons(
        options={"One window": False, "Cycles": True}, tooltips=["a single window", "cycles"],
        style={"button_width": "110px"},
    )
    fields = flow(*(field(controls, name, width=150) for name in CYCLED))
    show_while(fields, controls, "use_cycles")
    first = flow(bind(controls, "use_cycles", kinds), _longer(model, wake))
    return ipw.VBox([first, _note(controls), fields])


def _note(controls: Controls) -> ipw.HTML:
    """Make the line that says what the last choice has ruled out."""
    note = ipw.HTML()

    def update() -> None:
        note.value = html.escape(controls.note)
        note.layout.display = "" if controls.note else "none"

    follow(controls, ["note"], update)
    return note


def _longer(model: LabModel, wake: Callable[[], None]) -> ipw.Button:
    """Make the button that adds cycles to the run shown, enabled once it has ended."""
    longer = ipw.Button(description="Continue", icon="forward",
                        layout=ipw.Layout(width="110px"))

    def start(_: Any) -> None:
        model.continue_run()
        wake()

    def update() -> None:
        longer.disabled = not model.runs.can_continue

    longer.on_click(start)
    follow(model.runs, ["can_continue"], update)
    show_while(longer, model.controls, "use_cycles")
    return longer


def cycle_player(display: DisplayModel) -> ipw.HBox:
    """Make a player and a slider of the cycle shown; at its end it follows the newest one."""
    cycles = display.cycles
    play = ipw.Play(min=0, max=1, interval=PERIOD, show_repeat=False)
    slider = ipw.IntSlider(min=0, max=1, description="Cycle", layout=ipw.Layout(width="520px"),
                           style={"description_width": "initial"})
    for widget in (play, slider):
        _Follower(cycles, widget)
    row = flow(play, slider)
    show_while(row, display, "shows_cycles")
    return row


class _Follower:
    """A widget of a whole number that is bound to the cycle shown.

    Args:
        cycles: display of the cycled run.
        widget: with ``min``, ``max`` and ``value``.
    """

    def __init__(self, cycles: CycledDisplay, widget: Any) -> None:
        self.cycles, self.widget, self._moving = cycles, widget, False
        widget.observe(self._receive, "value")
        follow(cycles, ["position", "first", "last"], self._update)

    def _receive(self, change: Any) -> None:
        """Show the cycle of the widget; follow the newest one from the last on."""
        if not self._moving and change.new != self.cycles.shown:
            self.cycles.position = 0 if change.new >= self.cycles.last else change.new

    def _update(self) -> None:
        """Give the widget the range and the cycle of the display."""
        cycles, widget = self.cycles, self.widget
        widget.disabled = cycles.last <= cycles.first
        if widget.disabled:
            return
        self._moving = True  # a value that no longer fits the range is moved into it
        with widget.hold_sync():
            widget.min = min(widget.min, cycles.first)
            widget.max = cycles.last
            widget.min, widget.value = cycles.first, cycles.shown
        self._moving = False
