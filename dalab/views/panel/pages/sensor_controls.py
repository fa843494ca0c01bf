"""Fields and buttons of the sensors page."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import panel as pn
import param

from ...model.display import DisplayModel
from ...model.sensor_mask import SensorEditor
from ..fields import STYLES, bind, field, row
from ..sidebar import heading

SIDE = 262
"""Width of the controls beside the map [pixels]."""

Action = Callable[[], None]


def tools(
    editor: SensorEditor, actions: Mapping[str, Action], after: Action
) -> tuple[pn.Column, dict[str, pn.widgets.Button]]:
    """Lay out the controls beside the map; also return its buttons by name.

    Args:
        editor: state of the sensor editor.
        actions: actions of the buttons by name.
        after: called after each action.
    """
    buttons = {name: _button(name, action, after) for name, action in actions.items()}
    column = pn.Column(
        heading("Paint"),
        row(_buttons(editor, "tool")), row(_buttons(editor, "effect")),
        row(field(editor, "width")), row(field(editor, "when"), field(editor, "drift")),
        row(*(buttons[name] for name in ("Undo", "Clear", "Invert"))),
        row(buttons["Start from this mask"]),
        heading("Rectangle, in units of the axes"),
        row(*(field(editor, name) for name in ("west", "east"))),
        row(*(field(editor, name) for name in ("south", "north"))),
        row(buttons["Paint rectangle"]),
        heading("Value of a sensor"),
        row(choice(editor, "method"), choice(editor, "sensor")),
        row(field(editor, "radius")),
        row(buttons["Show value"], buttons["Add best"], buttons["Add best 10"]),
        width=SIDE, margin=0,
    )
    return column, buttons


def map_fields(display: DisplayModel, editor: SensorEditor, width: int) -> pn.Row:
    """Lay out the fields that select the field and time of the map."""
    system = display.param.system
    slider = pn.widgets.IntSlider(
        label=param.bind(lambda _: display.step_word.capitalize(), system), start=0,
        end=display.window - 1, margin=(0, 4, 0, 10), sizing_mode="stretch_width",
        stylesheets=[STYLES],
    )
    layer = choice(display, "layer")
    layer.label = param.bind(lambda _: display.layer_word, system)
    return pn.Row(choice(editor, "backdrop"), layer, bind(display, "time", slider), width=width,
                  height=48, margin=(2, 6, 0, 6))


def choice(owner: param.Parameterized, name: str) -> pn.widgets.Select:
    """Make a selector whose entries follow the parameter; other fields may edit it too."""
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


def _buttons(owner: param.Parameterized, name: str) -> pn.widgets.Widget:
    """Make one button for each entry of the parameter."""
    group = pn.widgets.RadioButtonGroup(
        options=list(owner.param[name].objects), height=30, margin=(2, 4),
        sizing_mode="stretch_width", stylesheets=[SMALL_CSS],
    )
    return bind(owner, name, group)


SMALL_CSS = """
.bk-btn { font-size: 12px; padding: 2px 4px; min-width: 0; }
.bk-btn-group .bk-btn.bk-btn-default.bk-active { color: var(--lab-on-accent); }
"""


def _button(name: str, action: Action, after: Action) -> pn.widgets.Button:
    button = pn.widgets.Button(label=name, height=30, margin=(2, 4), sizing_mode="stretch_width",
                               stylesheets=[SMALL_CSS])
    button.on_click(lambda event: action())
    button.on_click(lambda event: after())
    return button
