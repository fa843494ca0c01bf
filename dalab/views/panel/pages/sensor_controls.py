"""The fields and buttons around the map on which sensors are painted."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import panel as pn
import param

from ...model.lab import LabModel
from ...model.sensor_mask import Brushes
from ..fields import STYLES, bind, field, row
from ..sidebar import heading

SIDE = 262
"""Width of the controls beside the map [pixels]."""

Act = Callable[[], None]


def tools(
    brushes: Brushes, acts: Mapping[str, Act], after: Act
) -> tuple[pn.Column, dict[str, pn.widgets.Button]]:
    """Everything beside the map, and its buttons by name.

    Args:
        brushes: what is chosen.
        acts: what the buttons do.
        after: is called after every one of them.
    """
    press = {name: _button(name, act, after) for name, act in acts.items()}
    column = pn.Column(
        heading("Paint"),
        row(_either(brushes, "tool")), row(_either(brushes, "effect")),
        row(field(brushes, "width")), row(field(brushes, "when"), field(brushes, "drift")),
        row(*(press[name] for name in ("Undo", "Clear", "Invert"))),
        row(press["Start from this mask"]),
        heading("Rectangle, in units of the axes"),
        row(*(field(brushes, name) for name in ("west", "east"))),
        row(*(field(brushes, name) for name in ("south", "north"))),
        row(press["Paint rectangle"]),
        heading("Where next?"),
        row(offered(brushes, "method"), offered(brushes, "sensor")),
        row(field(brushes, "radius")),
        row(press["Show value"], press["Add best"], press["Add best 10"]),
        width=SIDE, margin=0,
    )
    return column, press


def looks(model: LabModel, brushes: Brushes, width: int) -> pn.Row:
    """What the map shows: the field, and when."""
    slider = pn.widgets.IntSlider(start=0, end=model.window - 1, margin=(0, 4, 0, 10),
                                  sizing_mode="stretch_width", stylesheets=[STYLES])

    layer = offered(model, "layer")

    def follow(*_: object) -> None:
        slider.label, layer.label = model.step_word.capitalize(), model.layer_word

    model.param.watch(follow, "system")
    follow()
    return pn.Row(offered(brushes, "backdrop"), layer, bind(model, "time", slider), width=width,
                  height=48, margin=(2, 6, 0, 6))


def offered(owner: param.Parameterized, name: str) -> pn.widgets.Select:
    """A list whose entries follow those of the parameter; other fields may edit it too."""
    select = pn.widgets.Select(
        label=owner.param[name].label, margin=(0, 4, 6, 4), sizing_mode="stretch_width",
        min_width=60, stylesheets=[STYLES],
    )

    def follow(*_: object) -> None:
        entries, value = list(owner.param[name].objects), getattr(owner, name)
        select.param.update(options=entries, value=value if value in entries else entries[0])

    def choose(event: param.parameterized.Event) -> None:
        if event.new in owner.param[name].objects:
            setattr(owner, name, event.new)

    owner.param.watch(follow, name)
    owner.param.watch(follow, name, what="objects")
    follow()
    select.param.watch(choose, "value")
    return select


def _either(owner: param.Parameterized, name: str) -> pn.widgets.Widget:
    """One button for each entry of the parameter."""
    group = pn.widgets.RadioButtonGroup(
        options=list(owner.param[name].objects), height=30, margin=(2, 4),
        sizing_mode="stretch_width", stylesheets=[SMALL],
    )
    return bind(owner, name, group)


SMALL = """
.bk-btn { font-size: 12px; padding: 2px 4px; min-width: 0; }
.bk-btn-group .bk-btn.bk-btn-default.bk-active { color: var(--lab-on-accent); }
"""


def _button(name: str, act: Act, after: Act) -> pn.widgets.Button:
    button = pn.widgets.Button(label=name, height=30, margin=(2, 4), sizing_mode="stretch_width",
                               stylesheets=[SMALL])
    button.on_click(lambda event: act())
    button.on_click(lambda event: after())
    return button
