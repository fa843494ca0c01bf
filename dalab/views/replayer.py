"""A slider through the moments of a run, and a button that plays them."""

from __future__ import annotations

import panel as pn
from panel.io.callbacks import PeriodicCallback

from .forms import STYLES, bind
from .model import LabModel

PLAY, PAUSE = "Play", "Pause"
PERIOD, STRIDE = 150, 0.025
"""Milliseconds between two moments while playing, and the way from one to the next."""


class Replayer:
    """The slider and the button.

    Args:
        model: whose moments are shown.
    """

    def __init__(self, model: LabModel) -> None:
        self.model = model
        self.play = pn.widgets.Button(label=PLAY, width=58, height=28, margin=(16, 2, 0, 6))
        self.slider = pn.widgets.FloatSlider(
            label="Replay", start=0.0, end=1.0, step=STRIDE, format="0%", width=124,
            margin=(0, 4, 0, 4), stylesheets=[STYLES],
        )
        bind(model, "moment", self.slider)
        self._clock = PeriodicCallback(callback=self.step, period=PERIOD)
        self.play.on_click(lambda event: self.turn(not self._clock.running))
        model.param.watch(lambda *events: self.allow(), ["state", "fraction"])
        self.allow()
        self.layout = pn.Row(self.play, self.slider, margin=0)

    def turn(self, on: bool) -> None:
        """Begin to play, from the start if the end is on show, or stay where it is."""
        if on and self.model.moment >= 1:
            self.model.moment = 0.0
        if on != self._clock.running:
            (self._clock.start if on else self._clock.stop)()
        self.play.label = PAUSE if on else PLAY

    def step(self) -> None:
        """Go on by one moment; at the end there is no more to play."""
        self.model.moment = min(self.model.moment + STRIDE, 1.0)
        if self.model.moment >= 1:
            self.turn(on=False)

    def allow(self) -> None:
        """Offer a replay once there is one."""
        for widget in (self.play, self.slider):
            if widget.disabled == self.model.replayable:
                widget.disabled = not self.model.replayable
