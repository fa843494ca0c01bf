"""What to look at: field, layer, estimates, instrument, day and moment."""

from __future__ import annotations

import panel as pn
import param
from panel.io.callbacks import PeriodicCallback

from ..model.lab import LabModel
from .fields import STYLES, bind, field


def toolbar(model: LabModel) -> pn.Row:
    """One row of fields over the maps."""
    member = field(model, "member")
    member.param.update(start=1, width=74, sizing_mode=None)

    def follow(event: object = None) -> None:
        member.disabled = model.view != "sample"

    model.param.watch(follow, "view")
    follow()
    return pn.Row(
        _choice(model, "quantity", 142), _layers(model),
        _with_width(field(model, "view"), 96), member, _choice(model, "observed", 116),
        _days(model), Replayer(model).layout,
        margin=(2, 6, 0, 6), height=48,
    )


def _with_width(widget: pn.widgets.Widget, width: int) -> pn.widgets.Widget:
    widget.param.update(width=width, sizing_mode=None)
    return widget


def _choice(model: LabModel, name: str, width: int) -> pn.widgets.Select:
    """A field whose list follows the system or the network."""
    select = _with_width(field(model, name), width)

    def follow(event: param.parameterized.Event) -> None:
        select.options = list(event.new)

    model.param.watch(follow, name, what="objects")
    return select


def _layers(model: LabModel) -> pn.widgets.Select:
    """Which layer of a flow, or which variable of another system."""
    select = _choice(model, "layer", 84)

    def follow(*_: object) -> None:
        select.label = model.layer_word

    model.param.watch(follow, "layer", what="objects")
    follow()
    return select


def _days(model: LabModel) -> pn.widgets.IntSlider:
    """Which step of the window the maps show."""
    slider = pn.widgets.IntSlider(
        start=0, end=model.window - 1, margin=(0, 4, 0, 10), width=140, stylesheets=[STYLES],
    )

    def follow(*_: object) -> None:
        slider.label = model.step_word.capitalize()

    model.param.watch(follow, "system")
    follow()
    return bind(model, "time", slider)


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
        bind(model, "replay_position", self.slider)
        self._clock = PeriodicCallback(callback=self.step, period=PERIOD)
        self.play.on_click(lambda event: self.set_playing(not self._clock.running))
        model.param.watch(lambda *events: self.update_enabled(), ["state", "fraction"])
        self.update_enabled()
        self.layout = pn.Row(self.play, self.slider, margin=0)

    def set_playing(self, on: bool) -> None:
        """Begin to play, from the start if the end is on show, or stay where it is."""
        if on and self.model.replay_position >= 1:
            self.model.replay_position = 0.0
        if on != self._clock.running:
            (self._clock.start if on else self._clock.stop)()
        self.play.label = PAUSE if on else PLAY

    def step(self) -> None:
        """Go on by one moment; at the end there is no more to play."""
        self.model.replay_position = min(self.model.replay_position + STRIDE, 1.0)
        if self.model.replay_position >= 1:
            self.set_playing(on=False)

    def update_enabled(self) -> None:
        """Offer a replay once there is one."""
        for widget in (self.play, self.slider):
            if widget.disabled == self.model.replayable:
                widget.disabled = not self.model.replayable
