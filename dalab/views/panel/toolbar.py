"""Toolbar for the display: field, layer, view, member, instrument, time and replay."""

from __future__ import annotations

import panel as pn
import param
from panel.io.callbacks import PeriodicCallback

from ..model.cycled_display import CycledDisplay
from ..model.display import DisplayModel
from ..pictures.field_plot import SINGLE
from .fields import STYLES, bind, field


def toolbar(display: DisplayModel) -> pn.Row:
    """Lay out the fields above the maps in one row."""
    member = field(display, "member")
    member.param.update(start=1, width=74, sizing_mode=None)
    member.disabled = display.param.view.rx().rx.in_(SINGLE).rx.not_()
    window = pn.Row(_days(display), Replayer(display).layout, margin=0)
    cycles = CyclePlayer(display.cycles).layout
    cycled = display.param.shows_cycles
    cycles.visible, window.visible = cycled, cycled.rx.not_()
    return pn.Row(
        _choice(display, "quantity", 142), _layers(display),
        _with_width(field(display, "view"), 96), member, _choice(display, "observed", 116),
        window, cycles, margin=(2, 6, 0, 6), height=48,
    )


def _with_width(widget: pn.widgets.Widget, width: int) -> pn.widgets.Widget:
    widget.param.update(width=width, sizing_mode=None)
    return widget


def _choice(display: DisplayModel, name: str, width: int) -> pn.widgets.Select:
    """Make a selector whose entries follow the system or the network."""
    return _with_width(field(display, name), width)


def _layers(display: DisplayModel) -> pn.widgets.Select:
    """Make the selector of the layer of a flow, or of the variable of another system."""
    select = _choice(display, "layer", 84)
    select.label = param.bind(lambda _: display.layer_word, display.param.system)
    return select


def _days(display: DisplayModel) -> pn.widgets.IntSlider:
    """Make the slider of the window step that the maps show."""
    slider = pn.widgets.IntSlider(
        label=param.bind(lambda _: display.step_word.capitalize(), display.param.system),
        start=0, end=display.window - 1, margin=(0, 4, 0, 10), width=140, stylesheets=[STYLES],
    )
    return bind(display, "time", slider)


PLAY, PAUSE = "Play", "Pause"
PERIOD, STRIDE = 150, 0.025
"""Time between two frames of a replay [ms], and the step of the replay position."""

CYCLE_PERIOD = 100
"""Time between two cycles while playing [ms]."""


class Replayer:
    """Replay controls, a slider and a Play button, disabled without a run to replay.

    Args:
        display: display model with the replay position.
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
        """Start or pause playing; at the end, start again from the beginning."""
        if on and self.display.replay_position >= 1:
            self.display.replay_position = 0.0
        if on != self._clock.running:
            (self._clock.start if on else self._clock.stop)()
        self.play.label = PAUSE if on else PLAY

    def step(self) -> None:
        """Advance by one frame; pause at the end."""
        self.display.replay_position = min(self.display.replay_position + STRIDE, 1.0)
        if self.display.replay_position >= 1:
            self.set_playing(on=False)


class CyclePlayer:
    """Slider of the cycle shown, and a Play button that goes through the cycles kept.

    At its end the slider follows the newest cycle.

    Args:
        display: display of the cycled run.
    """

    def __init__(self, display: CycledDisplay) -> None:
        self.display = display
        self.play = pn.widgets.Button(
            label=PLAY, width=58, height=28, margin=(16, 2, 0, 10), disabled=True,
        )
        self.slider = pn.widgets.IntSlider(
            label="Cycle", start=0, end=1, value=1, width=262, margin=(0, 4, 0, 4),
            stylesheets=[STYLES], disabled=True,
        )
        self.slider.param.watch(self._receive, "value")
        display.param.watch(lambda *events: self.follow(), ["position", "first", "last"])
        self._clock = PeriodicCallback(callback=self.step, period=CYCLE_PERIOD)
        self.play.on_click(lambda event: self.set_playing(not self._clock.running))
        self.layout = pn.Row(self.play, self.slider, margin=0)
        self.follow()

    def follow(self) -> None:
        """Set the range and the value of the slider to those of the display."""
        first, last = self.display.first, self.display.last
        known = last > first
        self.play.disabled = self.slider.disabled = not known
        if known:
            self.slider.param.update(start=first, end=last, value=self.display.shown)

    def _receive(self, event: param.parameterized.Event) -> None:
        """Show the cycle of the slider; follow the newest one from its end on."""
        if event.new != self.display.shown:
            self.display.position = 0 if event.new >= self.display.last else event.new

    def set_playing(self, on: bool) -> None:
        """Start or pause playing; at the end, start again from the first cycle kept."""
        if on and not self.display.position:
            self.display.position = self.display.first
        if on != self._clock.running:
            (self._clock.start if on else self._clock.stop)()
        self.play.label = PAUSE if on else PLAY

    def step(self) -> None:
        """Advance by one cycle; pause at the end, and follow the newest cycle."""
        cycle = self.display.shown + 1
        if cycle >= self.display.last:
            self.display.position = 0
            self.set_playing(on=False)
        else:
            self.display.position = cycle
