"""What to look at: field, layer, estimates, instrument and day."""

from __future__ import annotations

import panel as pn

from .forms import STYLES, bind, field
from .model import LabModel


def toolbar(model: LabModel) -> pn.Row:
    """One row of fields over the maps."""
    member = field(model, "member")
    member.param.update(start=1, width=74, sizing_mode=None)

    def follow(event: object = None) -> None:
        member.disabled = model.view != "sample"

    model.param.watch(follow, "view")
    follow()
    return pn.Row(
        _fixed(field(model, "quantity"), 150), _fixed(field(model, "layer"), 84),
        _fixed(field(model, "view"), 96), member, _instruments(model), _days(model),
        margin=(2, 6, 0, 6), height=48,
    )


TITLE = ".bk-slider-title { font-size: 11.5px; color: var(--lab-muted); }"


def _fixed(widget: pn.widgets.Widget, width: int) -> pn.widgets.Widget:
    widget.param.update(width=width, sizing_mode=None)
    return widget


def _instruments(model: LabModel) -> pn.widgets.Select:
    """Which instrument the map of observations shows; the list follows the network."""
    select = _fixed(field(model, "observed"), 130)

    def follow(event: object) -> None:
        select.options = list(event.new)

    model.param.watch(follow, "observed", what="objects")
    return select


def _days(model: LabModel) -> pn.widgets.IntSlider:
    slider = pn.widgets.IntSlider(
        label="Day", start=0, end=model.window - 1, margin=(0, 4, 0, 14), width=312,
        stylesheets=[STYLES, TITLE],
    )
    return bind(model, "time", slider)
