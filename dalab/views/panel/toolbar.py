"""What to look at: field, layer, estimates, instrument, day and moment."""

from __future__ import annotations

import panel as pn
import param
from panel.io.callbacks import PeriodicCallback

from ..model.display import DisplayModel
from .fields import STYLES, bind, field


def toolbar(display: DisplayModel) -> pn.Row:
    """One row of fields over the maps."""
    member = field(display, "member")
    member.param.update(start=1, width=74, sizing_mode=None)
    member.disabled = display.param.view.rx() != "sample"
    return pn.Row(
        _choice(display, "quantity", 142), _layers(display),
        _with_width(field(display, "view"), 96), member, _choice(display, "observed", 116),
        _days(display), Replayer(display).layout,
        margin=(2, 6, 0, 6), height=48,
    )


def _with_width(widget: pn.widgets.Widget, width: int) -> pn.widgets.Widget:
    widget.param.update(width=width, sizing_mode=None)
    return widget


def _choice(display: DisplayModel, name: str, width: int) -> pn.widgets.Select:
    """A field whose list follows the system or the network."""
    select = _with_width(field(display, name), width)

    def follow(event: param.parameterized.Event) -> None:
        select.options = list(event.new)

    display.param.watch(follow, name, what="objects")
    return select


def _layers(display: DisplayModel) -> pn.widgets.Select:
    """Which layer of a flow, or which variable of another system."""
    select = _choice(display, "layer", 84)
    select.label = param.bind(lambda _: display.layer_word, display.param.system)
    return select


def _days(display: DisplayModel) -> pn.widgets.IntSlider:
    """Which step of the window the maps show."""
    slider = pn.widgets.IntSlider(
        label=param.bind(lambda _: display.step_word.capitalize(), display.param.system),
        start=0, end=display.window - 1, margin=(0, 4, 0, 10), width=140, stylesheets=[STYLES],
    )
    return bind(display, "time", slider)


PLAY, PAUSE = "Play", "Pause"
PERIOD, STRIDE = 150, 0.025
"""Milliseconds between two moments while playing, and the way from one to the next."""


class Replayer:
    """The slider and the button, disabled while there is nothing to replay.

    Args:
        display: whose replay position is set.
    """

    def __init__(self, display: DisplayModel) -> None:
        self.display, disabled = display, display.param.replayable.rx.not_()
        self.play = pn.widgets.Button(
            label=PLAY, width=58, height=28, margin=(16, 2, 0, 6), disabled=disabled,
        )
        self.slider = pn.widgets.FloatSlider(
            label="Replay", start=0.0, end=1.0, step=STRIDE, format="0%", width=124,
            margin=(0, 4, 0, 4), stylesheets=[STYLES], disabled=disabled,
        )
        bind(display, "replay_position", self.slider)
        self._clock = PeriodicCallback(callback=self.step, period=PERIOD)
        self.play.on_click(lambda event: self.set_playing(not self._clock.running))
        self.layout = pn.Row(self.play, self.slider, margin=0)

    def set_playing(self, on: bool) -> None:
        """Begin to play, from the start if the end is on show, or stay where it is."""
        if on and self.display.replay_position >= 1:
            self.display.replay_position = 0.0
        if on != self._clock.running:
            (self._clock.start if on else self._clock.stop)()
        self.play.label = PAUSE if on else PLAY

    def step(self) -> None:
        """Go on by one moment; at the end there is no more to play."""
        self.display.replay_position = min(self.display.replay_position + STRIDE, 1.0)
        if self.display.replay_position >= 1:
            self.set_playing(on=False)
