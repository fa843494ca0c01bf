"""What to look at: field, layer, estimates, instrument, day and moment."""

from __future__ import annotations

import panel as pn
import param

from .forms import STYLES, bind, field
from .model import LabModel
from .replayer import Replayer


def toolbar(model: LabModel) -> pn.Row:
    """One row of fields over the maps."""
    member = field(model, "member")
    member.param.update(start=1, width=74, sizing_mode=None)

    def follow(event: object = None) -> None:
        member.disabled = model.view != "sample"

    model.param.watch(follow, "view")
    follow()
    return pn.Row(
        _offered(model, "quantity", 142), _layers(model),
        _fixed(field(model, "view"), 96), member, _offered(model, "observed", 116), _days(model),
        Replayer(model).layout,
        margin=(2, 6, 0, 6), height=48,
    )


def _fixed(widget: pn.widgets.Widget, width: int) -> pn.widgets.Widget:
    widget.param.update(width=width, sizing_mode=None)
    return widget


def _offered(model: LabModel, name: str, width: int) -> pn.widgets.Select:
    """A field whose list follows the system or the network."""
    select = _fixed(field(model, name), width)

    def follow(event: param.parameterized.Event) -> None:
        select.options = list(event.new)

    model.param.watch(follow, name, what="objects")
    return select


def _layers(model: LabModel) -> pn.widgets.Select:
    """Which layer of a flow, or which variable of another system."""
    select = _offered(model, "layer", 84)

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
